{{/* Which Redis it is, and how processes reach it. */}}

{{/* Whether the state is in the embedded Redis. */}}
{{- define "hooklet.redis.embedded" -}}
{{- if and .Values.redis.embedded.enabled (not .Values.redis.url) (not .Values.redis.existingSecret.name) -}}true{{- end -}}
{{- end -}}

{{/* Whether the embedded Redis stays beside an external one until what it holds is done. */}}
{{- define "hooklet.redis.drained" -}}
{{- if and .Values.redis.embedded.enabled .Values.redis.embedded.drain (not (include "hooklet.redis.embedded" .)) -}}true{{- end -}}
{{- end -}}

{{/* Whether there is an embedded Redis. */}}
{{- define "hooklet.redis.runs" -}}
{{- if or (include "hooklet.redis.embedded" .) (include "hooklet.redis.drained" .) -}}true{{- end -}}
{{- end -}}

{{/* Fails when it is not told which Redis it is, or twice. */}}
{{- define "hooklet.redis.check" -}}
{{- if and .Values.redis.url .Values.redis.existingSecret.name -}}
{{- fail "set either redis.url or redis.existingSecret.name, not both" -}}
{{- end -}}
{{- if not (or .Values.redis.url .Values.redis.existingSecret.name .Values.redis.embedded.enabled) -}}
{{- fail "Hooklet needs a Redis: set redis.url, redis.existingSecret.name or redis.embedded.enabled" -}}
{{- end -}}
{{- end -}}

{{/* The Secret that we make: with the URL, or with the password of the embedded Redis. */}}
{{- define "hooklet.redis.secretName" -}}
{{- printf "%s-redis" (include "hooklet.fullname" .) -}}
{{- end -}}

{{/* The Secret with the password of the embedded Redis. */}}
{{- define "hooklet.redis.passwordSecret" -}}
{{- .Values.redis.embedded.existingSecret | default (include "hooklet.redis.secretName" .) -}}
{{- end -}}

{{/* The password that was made once, or a new one. */}}
{{- define "hooklet.redis.password" -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace (include "hooklet.redis.secretName" .) -}}
{{- $data := dig "data" dict (default dict $secret) -}}
{{- if hasKey $data "password" -}}
{{- get $data "password" | b64dec -}}
{{- else -}}
{{- randAlphaNum 32 -}}
{{- end -}}
{{- end -}}

{{/* Environment of the processes that share the state: the common part, and where the Redis that is in use answers. */}}
{{- define "hooklet.redis.env" -}}
{{- include "hooklet.redis.check" . -}}
{{- $existing := .Values.redis.existingSecret -}}
{{- if include "hooklet.redis.embedded" . -}}
{{- include "hooklet.redis.env.embedded" . }}
{{- else -}}
- name: HOOKLET_REDIS
  valueFrom:
    secretKeyRef:
      name: {{ $existing.name | default (include "hooklet.redis.secretName" .) }}
      key: {{ ternary $existing.key "url" (ne $existing.name "") | quote }}
{{- if .Values.redis.caSecret.name }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/hooklet/redis-ca/ca.crt }
{{- end }}
{{ include "hooklet.redis.env.common" . }}
{{- end -}}
{{- end -}}

{{- define "hooklet.redis.env.embedded" -}}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "hooklet.redis.passwordSecret" . }}, key: password }
- name: HOOKLET_REDIS
  value: redis://:$(REDIS_PASSWORD)@{{ include "hooklet.fullname" . }}-redis.{{ .Release.Namespace }}.svc:6379
{{ include "hooklet.redis.env.common" . }}
{{- end -}}

{{- define "hooklet.redis.env.common" -}}
- { name: HOOKLET_REDIS_PREFIX, value: {{ .Values.redis.prefix | quote }} }
- { name: HOOKLET_INSTALLATION, value: {{ printf "%s/%s" .Release.Namespace (include "hooklet.fullname" .) | quote }} }
- { name: HOOKLET_PARTITIONS, value: {{ .Values.redis.partitions | quote }} }
- { name: HOOKLET_LAPSE_SECONDS, value: {{ .Values.redis.lapseSeconds | quote }} }
{{- end -}}

{{/* The Secret with roots for the Redis that is in use, as name and key; nothing for the embedded one, which has no TLS. */}}
{{- define "hooklet.redis.roots" -}}
{{- if and .Values.redis.caSecret.name (not (include "hooklet.redis.embedded" .)) -}}
{{- toYaml .Values.redis.caSecret -}}
{{- end -}}
{{- end -}}

{{/*
Changes when credentials or roots do, so that pods take them up with the next `helm upgrade`. Secrets of the user count by their version, which says
nothing about what they hold; our own, which is written after this, by a hash of the URL that is salted and costs too much to try passwords on (scrypt).
*/}}
{{- define "hooklet.redis.version" -}}
{{- $namespace := .Release.Namespace -}}
{{- $versions := list -}}
{{- with .Values.redis.url -}}
{{- $versions = append $versions (derivePassword 1 "maximum" . (printf "%s/%s" $namespace $.Release.Name) "redis") -}}
{{- end -}}
{{- $names := list .Values.redis.existingSecret.name .Values.redis.caSecret.name -}}
{{- if include "hooklet.redis.embedded" . -}}
{{- $names = list .Values.redis.embedded.existingSecret -}}
{{- end -}}
{{- range compact $names -}}
{{- with lookup "v1" "Secret" $namespace . -}}
{{- $versions = append $versions .metadata.resourceVersion -}}
{{- end -}}
{{- end -}}
{{- with $versions }}{{ join "," . | sha256sum | trunc 16 }}{{ end -}}
{{- end -}}

{{- define "hooklet.redis.config" -}}
port 6379
dir /data
appendonly yes
appendfsync {{ .Values.redis.embedded.appendfsync }}
save ""
maxmemory {{ .Values.redis.embedded.maxmemory }}
# Any other policy throws accepted events away.
maxmemory-policy noeviction
{{- end -}}
