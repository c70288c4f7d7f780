{{/* Names and labels. */}}

{{- define "hooklet.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component: (list $ "ingress"). It never changes: selectors of Deployments can't. */}}
{{- define "hooklet.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of an object of a component: (list $ "ingress"). */}}
{{- define "hooklet.labels" -}}
{{- $root := index . 0 -}}
{{ include "hooklet.selector" . }}
app.kubernetes.io/part-of: hooklet
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object: (list $ "ingress" NAME). */}}
{{- define "hooklet.metadata" -}}
name: {{ index . 2 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "hooklet.labels" . | nindent 2 }}
{{- end -}}

{{- define "hooklet.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "hooklet.publicUrl" -}}
{{- $in := .Values.ingress -}}
{{- if .Values.publicUrl -}}
{{ .Values.publicUrl }}
{{- else if and $in.route.enabled $in.route.hosts -}}
{{ ternary "https" "http" (ne $in.route.tlsSecret "") }}://{{ first $in.route.hosts }}
{{- else if and $in.httpRoute.enabled $in.httpRoute.hostnames -}}
https://{{ first $in.httpRoute.hostnames }}
{{- else -}}
http://{{ include "hooklet.fullname" . }}-ingress.{{ .Release.Namespace }}.svc{{ if ne (int $in.service.port) 80 }}:{{ $in.service.port }}{{ end }}
{{- end -}}
{{- end -}}
