{{/* Which Redis it is. */}}

{{- define "hooklet.redis.embedded" -}}
{{- if and .Values.redis.embedded.enabled (not .Values.redis.url) (not .Values.redis.existingSecret.name) -}}true{{- end -}}
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

{{/* Changes when the URL in our Secret does, so that pods take it up. */}}
{{- define "hooklet.redis.checksum" -}}
{{- if .Values.redis.url -}}{{ .Values.redis.url | sha256sum }}{{- end -}}
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
