{{/* Names, labels and images. */}}

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

{{/* The name of an object that has no namespace, or not ours: (list $ NAME). A colon can't be part of a namespace, so that no two releases meet. */}}
{{- define "hooklet.globalName" -}}
{{- printf "%s:%s" (index . 0).Release.Namespace (index . 1) -}}
{{- end -}}

{{/* What selects the pods of a component: (list $ "ingress"). It never changes: selectors of Deployments can't. */}}
{{- define "hooklet.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of an object of a component: (list $ "ingress"), or of its pods with labels of their own: (list $ "ingress" LABELS). */}}
{{- define "hooklet.labels" -}}
{{- $root := index . 0 -}}
{{- $labels := dict
  "app.kubernetes.io/part-of" "hooklet"
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- $own := dict -}}
{{- if gt (len .) 2 }}{{ $own = index . 2 }}{{ end -}}
{{- /* Whatever else is asked for, what selects the pods stays. */}}
{{- toYaml (mergeOverwrite $labels $root.Values.commonLabels $own (include "hooklet.selector" . | fromYaml)) -}}
{{- end -}}

{{/* metadata of an object: (list $ "ingress" NAME), or with labels of its own: (list $ "ingress" NAME LABELS). */}}
{{- define "hooklet.metadata" -}}
name: {{ index . 2 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "hooklet.labels" (concat (slice . 0 2) (slice . 3)) | nindent 2 }}
{{- end -}}

{{/* The ServiceAccount of a component's pods: (list $ "ingress"). */}}
{{- define "hooklet.serviceAccount" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $given := (index $root.Values $component).serviceAccount -}}
{{- if not (or $given.create $given.name) -}}
{{- fail (printf "%s.serviceAccount.create is false: name the account that is there in %s.serviceAccount.name" $component $component) -}}
{{- end -}}
{{- $given.name | default (printf "%s-%s" (include "hooklet.fullname" $root) $component) -}}
{{- end -}}

{{/* An image, from the registry that all charts of a parent share: (list $ "valkey/valkey:8.1"). */}}
{{- define "hooklet.fromRegistry" -}}
{{- with dig "imageRegistry" "" (default dict (index . 0).Values.global) -}}
{{ trimSuffix "/" . }}/
{{- end -}}
{{ index . 1 }}
{{- end -}}

{{- define "hooklet.image" -}}
{{- $image := .Values.image -}}
{{- if not $image.repository -}}
{{- fail "image.repository is empty: name the image that you have built and pushed, for example registry.example.com/hooklet" -}}
{{- end -}}
{{- $version := ternary (printf "@%s" $image.digest) (printf ":%s" (default .Chart.AppVersion $image.tag)) (ne $image.digest "") -}}
{{ include "hooklet.fromRegistry" (list . (print $image.repository $version)) }}
{{- end -}}

{{/* What a pod needs to have its images. */}}
{{- define "hooklet.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat (default list (dig "imagePullSecrets" list (default dict .Values.global))) .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- with uniq $secrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
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

{{/* Fails when another release lives in this namespace: both would elect leaders by one Lease, and serve the compiled routes of both. */}}
{{- define "hooklet.checkAlone" -}}
{{- range (lookup "apps/v1" "Deployment" .Release.Namespace "").items -}}
{{- $instance := get (default dict .metadata.labels) "app.kubernetes.io/instance" -}}
{{- /* By what it runs: labels may be the user's. */}}
{{- $runs := default list (first .spec.template.spec.containers).args -}}
{{- if and (has "operator/main.ts" $runs) (ne $instance $.Release.Name) -}}
{{- fail (printf "the release %s of Hooklet lives in the namespace %s already: give each a namespace of its own" $instance $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
