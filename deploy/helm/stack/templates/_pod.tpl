{{/* What every pod has. Takes (list $ COMPONENT VALUES); VALUES may choose nodes and a priority. */}}
{{- define "stack.pod" -}}
{{- $root := index . 0 }}{{ $values := index . 2 -}}
serviceAccountName: {{ $root.Values.serviceAccountName }}
automountServiceAccountToken: false
# Otherwise a Service named "api" sets API_PORT=tcp://…, which the api can't read as its port.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every container has. Takes (list $ RESOURCES). */}}
{{- define "stack.container" -}}
imagePullPolicy: {{ (index . 0).Values.image.pullPolicy }}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml (index . 1) | nindent 2 }}
{{- end }}

{{- define "stack.tmp" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.tmpSize }}}
{{- end }}

{{/* Over nodes and zones. Takes (list $ COMPONENT). */}}
{{- define "stack.spread" -}}
{{- if (index . 0).Values.spread }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "stack.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
