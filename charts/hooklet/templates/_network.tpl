{{/* Rules that several NetworkPolicies have. */}}

{{- define "hooklet.policy.dns" -}}
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
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
{{- if include "hooklet.redis.embedded" . }}
- ports: [{ port: 6379 }]
  to:
    - podSelector:
        matchLabels:
          {{- include "hooklet.selector" (list . "redis") | nindent 10 }}
{{- else }}
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

{{- define "hooklet.policy.metrics" -}}
{{- if .Values.metrics.enabled }}
- ports: [{ port: {{ .Values.metrics.port }} }]
  from:
    {{- toYaml (default (list (dict "namespaceSelector" dict)) .Values.networkPolicy.scrapers) | nindent 4 }}
{{- end }}
{{- end -}}
