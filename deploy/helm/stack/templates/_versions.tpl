{{/* By the server's version and not by .Capabilities.APIVersions, which `helm template` doesn't know. */}}
{{- define "stack.budgetVersion" -}}
{{ if semverCompare ">=1.21-0" .Capabilities.KubeVersion.Version }}policy/v1{{ else }}policy/v1beta1{{ end }}
{{- end }}

{{- define "stack.autoscalerVersion" -}}
{{ if semverCompare ">=1.23-0" .Capabilities.KubeVersion.Version }}autoscaling/v2{{ else }}autoscaling/v2beta2{{ end }}
{{- end }}

{{- define "stack.cronJobVersion" -}}
{{ if semverCompare ">=1.21-0" .Capabilities.KubeVersion.Version }}batch/v1{{ else }}batch/v1beta1{{ end }}
{{- end }}
