{{/* What the pods of our processes have in common. */}}

{{/*
The spec of a Deployment behind its replicas: (dict "root" $ "component" "ingress" "ports" LIST "probePort" NAME "env" LIST "graceSeconds" N).
"values" names the values of a component that has none of its own; "redis" and "redisRoots" are given for those that share the state.
*/}}
{{- define "hooklet.deployment" -}}
{{- $root := .root -}}
{{- $of := default .component .values -}}
{{- $values := index $root.Values $of -}}
{{- $selector := include "hooklet.selector" (list $root .component) -}}
strategy:
  type: RollingUpdate
  rollingUpdate:
    {{- toYaml $values.rollingUpdate | nindent 4 }}
revisionHistoryLimit: 3
selector:
  matchLabels:
    {{- $selector | nindent 4 }}
template:
  metadata:
    labels:
      {{- include "hooklet.labels" (list $root .component $values.podLabels) | nindent 6 }}
    annotations:
      {{- $annotations := dict "kubectl.kubernetes.io/default-container" $of }}
      {{- with .redis }}{{ $_ := set $annotations "hooklet.dev/redis" . }}{{ end }}
      {{- toYaml (mergeOverwrite $annotations $values.podAnnotations) | nindent 6 }}
  spec:
    serviceAccountName: {{ include "hooklet.serviceAccount" (list $root $of) }}
    # Its token is the process's way to the API server.
    automountServiceAccountToken: true
    enableServiceLinks: false
    terminationGracePeriodSeconds: {{ .graceSeconds }}
    {{- with include "hooklet.imagePullSecrets" $root }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $values.priorityClassName }}
    priorityClassName: {{ . }}
    {{- end }}
    securityContext:
      {{- include "hooklet.podSecurityContext" $root.Values.runAsUser | nindent 6 }}
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
      - name: {{ $of }}
        image: {{ include "hooklet.image" $root }}
        imagePullPolicy: {{ $root.Values.image.pullPolicy }}
        args: [{{ $of }}/main.ts]
        env:
          {{- include "hooklet.env.joined" (list .env $values.env) | nindent 10 }}
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
        {{- $roots := dict "name" "redis-ca" "mountPath" "/etc/hooklet/redis-ca" "readOnly" true }}
        {{- with concat (ternary (list $roots) list (not (empty .redisRoots))) $values.extraVolumeMounts }}
        volumeMounts:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- if or .redisRoots $values.extraVolumes }}
    volumes:
      {{- with .redisRoots }}
      - name: redis-ca
        secret:
          secretName: {{ .name }}
          items: [{ key: {{ .key | quote }}, path: ca.crt }]
      {{- end }}
      {{- with $values.extraVolumes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
{{- end -}}

{{/* metadata of a Deployment: (list $ "ingress" NAME). */}}
{{- define "hooklet.deployment.metadata" -}}
{{ include "hooklet.metadata" . }}
{{- with (index . 0).Values.deploymentAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
How many pods a Deployment has: (list $ "ingress" SCALED). What is scaled by its load keeps as many as it has now: without the field in the manifest the
API server would make it 1 when autoscaling is switched on. Rendered away from the cluster there is no number, and none that would be set back each time.
*/}}
{{- define "hooklet.replicas" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- if not (index . 2) -}}
replicas: {{ (index $root.Values $component).replicas }}
{{- else -}}
{{- with lookup "apps/v1" "Deployment" $root.Release.Namespace (printf "%s-%s" (include "hooklet.fullname" $root) $component) -}}
replicas: {{ .spec.replicas }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Variables of a container, and those of the user, who has the last word: (list OURS THEIRS). */}}
{{- define "hooklet.env.joined" -}}
{{- $theirs := index . 1 -}}
{{- $names := list -}}
{{- range $theirs }}{{ $names = append $names .name }}{{ end -}}
{{- $kept := list -}}
{{- range index . 0 }}{{ if not (has .name $names) }}{{ $kept = append $kept . }}{{ end }}{{ end -}}
{{- toYaml (concat $kept $theirs) -}}
{{- end -}}

{{/* The restricted profile of the Pod Security Standards; the user's number is given, or nothing where the platform chooses it. */}}
{{- define "hooklet.podSecurityContext" -}}
runAsNonRoot: true
{{- with . }}
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
{{- end }}
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

{{/*
Environment of the processes that calls pass. Where little memory is allowed, Node by itself has so little of it for new objects that those
which a call needs for milliseconds are copied, and taken for old ones, again and again.
*/}}
{{- define "hooklet.env.calls" -}}
- { name: NODE_OPTIONS, value: --max-semi-space-size=32 }
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
{{- $given := (index $root.Values $component).serviceAccount -}}
{{- $account := include "hooklet.serviceAccount" (list $root $component) -}}
{{- if $given.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "hooklet.metadata" (list $root $component $account) | nindent 2 }}
  {{- with $given.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
---
{{- end }}
{{- if $root.Values.rbac.create }}
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
  - { kind: ServiceAccount, name: {{ $account }}, namespace: {{ $root.Release.Namespace }} }
{{- end }}
{{- end -}}

{{/* Annotations of what is there for the time of an uninstallation; the order is given. */}}
{{- define "hooklet.uninstall.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
