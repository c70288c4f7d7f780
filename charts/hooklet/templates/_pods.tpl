{{/* What the pods of our processes have in common. */}}

{{/* The spec of a Deployment: (dict "root" $ "component" "ingress" "ports" LIST "probePort" NAME "env" LIST "graceSeconds" N). */}}
{{- define "hooklet.deployment" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .component -}}
{{- $selector := include "hooklet.selector" (list $root .component) -}}
strategy:
  type: RollingUpdate
  # A new pod is ready before an old one is told to end.
  rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
revisionHistoryLimit: 3
selector:
  matchLabels:
    {{- $selector | nindent 4 }}
template:
  metadata:
    labels:
      {{- include "hooklet.labels" (list $root .component) | nindent 6 }}
      {{- with $values.podLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    annotations:
      kubectl.kubernetes.io/default-container: {{ .component }}
      {{- if .secretChecksum }}
      checksum/redis: {{ .secretChecksum }}
      {{- end }}
      {{- with $values.podAnnotations }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  spec:
    serviceAccountName: {{ include "hooklet.fullname" $root }}-{{ .component }}
    # Its token is the process's way to the API server.
    automountServiceAccountToken: true
    enableServiceLinks: false
    terminationGracePeriodSeconds: {{ .graceSeconds }}
    {{- with $root.Values.imagePullSecrets }}
    imagePullSecrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.priorityClassName }}
    priorityClassName: {{ . }}
    {{- end }}
    securityContext:
      {{- include "hooklet.podSecurityContext" 65532 | nindent 6 }}
    {{- with $values.topologySpreadConstraints }}
    topologySpreadConstraints:
      {{- range . }}
      {{- $ours := dict "labelSelector" (dict "matchLabels" ($selector | fromYaml)) }}
      {{- toYaml (list (merge (deepCopy .) $ours)) | nindent 6 }}
      {{- end }}
    {{- end }}
    {{- with $values.nodeSelector }}
    nodeSelector:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.tolerations }}
    tolerations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.affinity }}
    affinity:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    containers:
      - name: {{ .component }}
        image: {{ include "hooklet.image" $root }}
        imagePullPolicy: {{ $root.Values.image.pullPolicy }}
        args: [{{ .component }}/main.ts]
        env:
          {{- toYaml .env | nindent 10 }}
          {{- with $values.env }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        ports:
          {{- range $name, $port := .ports }}
          - { name: {{ $name }}, containerPort: {{ $port }} }
          {{- end }}
        # A process listens when it knows every route or plan; until then nothing restarts it, for five minutes.
        startupProbe:
          httpGet: { path: /healthz, port: {{ .probePort }} }
          periodSeconds: 1
          failureThreshold: 300
        livenessProbe:
          httpGet: { path: /healthz, port: {{ .probePort }} }
          periodSeconds: 10
          timeoutSeconds: 5
          failureThreshold: 6
        readinessProbe:
          httpGet: { path: /readyz, port: {{ .probePort }} }
          periodSeconds: 5
          timeoutSeconds: 3
          failureThreshold: 2
        securityContext:
          {{- include "hooklet.securityContext" $root | nindent 10 }}
        {{- with $values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- if .redisRoots }}
        volumeMounts:
          - { name: redis-ca, mountPath: /etc/hooklet/redis-ca, readOnly: true }
        {{- end }}
    {{- if .redisRoots }}
    volumes:
      - name: redis-ca
        secret:
          secretName: {{ $root.Values.redis.caSecret.name }}
          items: [{ key: {{ $root.Values.redis.caSecret.key | quote }}, path: ca.crt }]
    {{- end }}
{{- end -}}

{{/* The restricted profile of the Pod Security Standards; the user's number is given. */}}
{{- define "hooklet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "hooklet.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* Environment of every process. */}}
{{- define "hooklet.env" -}}
- { name: HOOKLET_LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: HOOKLET_NAMESPACE, value: {{ .Release.Namespace | quote }} }
- { name: HOOKLET_PUBLIC_URL, value: {{ include "hooklet.publicUrl" . | quote }} }
{{- if .Values.metrics.enabled }}
- { name: HOOKLET_METRICS_PORT, value: {{ .Values.metrics.port | quote }} }
{{- end }}
{{- end -}}

{{/* Environment of the processes that share the state. */}}
{{- define "hooklet.redis.env" -}}
{{- include "hooklet.redis.check" . -}}
{{- $existing := .Values.redis.existingSecret -}}
{{- if include "hooklet.redis.embedded" . -}}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "hooklet.redis.passwordSecret" . }}, key: password }
- name: HOOKLET_REDIS
  value: redis://:$(REDIS_PASSWORD)@{{ include "hooklet.fullname" . }}-redis.{{ .Release.Namespace }}.svc:6379
{{- else }}
- name: HOOKLET_REDIS
  valueFrom:
    secretKeyRef:
      name: {{ $existing.name | default (include "hooklet.redis.secretName" .) }}
      key: {{ ternary $existing.key "url" (ne $existing.name "") | quote }}
{{- end }}
- { name: HOOKLET_REDIS_PREFIX, value: {{ .Values.redis.prefix | quote }} }
- { name: HOOKLET_PARTITIONS, value: {{ .Values.redis.partitions | quote }} }
- { name: HOOKLET_LAPSE_SECONDS, value: {{ .Values.redis.lapseSeconds | quote }} }
{{- if .Values.redis.caSecret.name }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/hooklet/redis-ca/ca.crt }
{{- end }}
{{- end -}}

{{/* A PodDisruptionBudget of a component: (list $ "ingress"). */}}
{{- define "hooklet.podDisruptionBudget" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $budget := (index $root.Values $component).podDisruptionBudget -}}
{{- if $budget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "hooklet.metadata" (list $root $component (printf "%s-%s" (include "hooklet.fullname" $root) $component)) | nindent 2 }}
spec:
  maxUnavailable: {{ $budget.maxUnavailable }}
  # A pod that is not ready, because Redis is away, say, does not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "hooklet.selector" (list $root $component) | nindent 6 }}
{{- end }}
{{- end -}}

{{/* A ServiceAccount, and a Role in the release's namespace that is bound to it: (list $ "ingress" RULES). */}}
{{- define "hooklet.account" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $name := printf "%s-%s" (include "hooklet.fullname" $root) $component -}}
{{- $metadata := include "hooklet.metadata" (list $root $component $name) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- $metadata | nindent 2 }}
{{- if $root.Values.rbac.create }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- $metadata | nindent 2 }}
rules:
  {{- index . 2 | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- $metadata | nindent 2 }}
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }} }
subjects:
  - { kind: ServiceAccount, name: {{ $name }}, namespace: {{ $root.Release.Namespace }} }
{{- end }}
{{- end -}}
