{{/* Each takes (list $ NAME): the root and the component, whose name is also that of the Compose service. */}}

{{- define "stack.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "stack.labels" -}}
{{ include "stack.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "stack.metadata" -}}
name: {{ (index . 0).Release.Name }}-{{ index . 1 }}
labels:
  {{- include "stack.labels" . | nindent 2 }}
{{- end }}

{{- define "stack.image" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $values := index $root.Values $name }}
{{- $values.image | default (printf "%s-%s:%s%s" $root.Values.image.prefix $name ($root.Values.image.tag | default $root.Chart.AppVersion) ($values.imageSuffix | default "")) }}
{{- end }}

{{/* Takes a map; the values may be numbers or booleans. */}}
{{- define "stack.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
