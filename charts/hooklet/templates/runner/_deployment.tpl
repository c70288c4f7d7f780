{{/* The spec of a Deployment of runners behind its replicas: as "hooklet.deployment", with "env" for the state only. */}}
{{- define "hooklet.runner" -}}
{{- $root := .root -}}
{{- $runner := $root.Values.runner -}}
{{- $ports := dict "health" 8081 -}}
{{- if $root.Values.metrics.enabled }}{{ $_ := set $ports "metrics" $root.Values.metrics.port }}{{ end -}}
{{- $env := concat (include "hooklet.env" $root | fromYamlArray) (include "hooklet.env.calls" $root | fromYamlArray) (.env | fromYamlArray) (list
  (dict "name" "HOOKLET_HEALTH_PORT" "value" "8081")
  (dict "name" "HOOKLET_DRAIN_SECONDS" "value" (toString $runner.drainSeconds))
  (dict "name" "HOOKLET_CONCURRENCY" "value" (toString (int $runner.concurrency)))
  (dict "name" "HOOKLET_EXPRESSION_WORKERS" "value" (toString $runner.expressionWorkers))) -}}
{{- include "hooklet.deployment" (merge (dict "values" "runner" "ports" $ports "probePort" "health" "env" $env
  "graceSeconds" (add $runner.drainSeconds 10)) .) -}}
{{- end -}}
