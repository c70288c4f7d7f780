{{/* Rules that several NetworkPolicies have. A plugin allows what any rule of any policy allows: one that is open undoes what another leaves out. */}}

{{/* The head of the NetworkPolicy of components: (list $ NAME COMPONENT...). */}}
{{- define "hooklet.policy.head" -}}
{{- $root := index . 0 -}}
{{- $components := slice . 2 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "hooklet.metadata" (list $root (first $components) (printf "%s-%s" (include "hooklet.fullname" $root) (index . 1))) | nindent 2 }}
spec:
  podSelector:
    {{- include "hooklet.policy.pods" (prepend $components $root) | nindent 4 }}
{{- end -}}

{{/* Pods of components: (list $ COMPONENT...). */}}
{{- define "hooklet.policy.pods" -}}
{{- $selector := include "hooklet.selector" (list (index . 0) (index . 1)) | fromYaml -}}
matchLabels:
  {{- toYaml (omit $selector "app.kubernetes.io/component") | nindent 2 }}
matchExpressions:
  - { key: app.kubernetes.io/component, operator: In, values: {{ slice . 1 | toJson }} }
{{- end -}}

{{/* Fails when runners are held to or from networks, and a rule without addresses, for the API server or Redis, would allow all on its ports. */}}
{{- define "hooklet.policy.check" -}}
{{- $policy := .Values.networkPolicy -}}
{{- if or $policy.runnerDenied $policy.runnerEgress -}}
{{- if not $policy.apiServer -}}
{{- fail "networkPolicy.runnerDenied and runnerEgress need networkPolicy.apiServer: while runners may look for it anywhere, they reach all addresses on its ports" -}}
{{- end -}}
{{- if not (or $policy.redis (include "hooklet.redis.embedded" .)) -}}
{{- fail "networkPolicy.runnerDenied and runnerEgress need networkPolicy.redis: while runners may look for it anywhere, they reach all addresses on its ports" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "hooklet.policy.dns" -}}
- ports:
    {{- range .Values.networkPolicy.dnsPorts }}
    - { port: {{ . }}, protocol: UDP }
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  {{- with .Values.networkPolicy.dns }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "hooklet.policy.apiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - { port: {{ . }} }
    {{- end }}
  {{- with .Values.networkPolicy.apiServer }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "hooklet.policy.redis" -}}
{{- if include "hooklet.redis.runs" . }}
- ports: [{ port: 6379 }]
  to:
    - podSelector:
        {{- include "hooklet.policy.pods" (list . "redis") | nindent 8 }}
{{- end }}
{{- if not (include "hooklet.redis.embedded" .) }}
- ports:
    {{- range .Values.networkPolicy.redisPorts }}
    - { port: {{ . }} }
    {{- end }}
  {{- with .Values.networkPolicy.redis }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Networks as blocks of their address family, all addresses but these: (list CIDR...). */}}
{{- define "hooklet.policy.allBut" -}}
{{- $except := dict "v4" list "v6" list -}}
{{- range uniq . -}}
{{- $family := ternary "v6" "v4" (contains ":" .) -}}
{{- $_ := set $except $family (append (get $except $family) .) -}}
{{- end -}}
- ipBlock: {{ dict "cidr" "0.0.0.0/0" "except" $except.v4 | toJson }}
- ipBlock: {{ dict "cidr" "::/0" "except" $except.v6 | toJson }}
{{- end -}}

{{/* Where clouds give credentials to nodes and pods: link-local addresses; Azure; Alibaba; Amazon, Google and Oracle over IPv6. */}}
{{- define "hooklet.policy.metadataServices" -}}
[169.254.0.0/16, 168.63.129.16/32, 100.100.100.200/32, 'fe80::/10', 'fd00:ec2::/32', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128']
{{- end -}}

{{- define "hooklet.policy.metrics" -}}
{{- if .Values.metrics.enabled }}
- ports: [{ port: {{ .Values.metrics.port }} }]
  from:
    {{- toYaml (default (list (dict "namespaceSelector" dict)) .Values.networkPolicy.scrapers) | nindent 4 }}
{{- end }}
{{- end -}}

{{/* What may come in where nobody but Prometheus may. */}}
{{- define "hooklet.policy.metricsOnly" -}}
{{- with include "hooklet.policy.metrics" . -}}
ingress:
  {{- . | nindent 2 }}
{{- else -}}
ingress: []
{{- end -}}
{{- end -}}
