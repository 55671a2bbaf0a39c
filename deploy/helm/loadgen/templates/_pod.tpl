{{/* Each takes (list $ COMPONENT); the component's name is also that of the Compose service. */}}

{{- define "loadgen.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "loadgen.labels" -}}
{{ include "loadgen.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "loadgen.metadata" -}}
name: {{ (index . 0).Release.Name }}-{{ index . 1 }}
labels:
  {{- include "loadgen.labels" . | nindent 2 }}
{{- end }}

{{- define "loadgen.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes (list $ RESOURCES). */}}
{{- define "loadgen.container" -}}
{{- $root := index . 0 -}}
image: {{ $root.Values.image.prefix }}-loadgen:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml (index . 1) | nindent 2 }}
{{- end }}

{{- define "loadgen.env" -}}
- {name: LOADGEN_TARGET, value: {{ .Values.target | quote }}}
{{- if .Values.secrets.apiKeys }}
- {name: LOADGEN_API_KEY_FILE, value: /run/secrets/api-keys}
{{- end }}
{{- if .Values.secrets.ca }}
- {name: LOADGEN_CA_FILE, value: /run/secrets/ca.crt}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- define "loadgen.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if or .Values.secrets.apiKeys .Values.secrets.ca }}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- end }}
{{- end }}

{{- define "loadgen.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.tmpSize }}}
{{- if or .Values.secrets.apiKeys .Values.secrets.ca }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- with .Values.secrets.apiKeys }}
      - secret: {name: {{ . }}, items: [{key: api-keys, path: api-keys}]}
      {{- end }}
      {{- with .Values.secrets.ca }}
      - secret: {name: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
      {{- end }}
{{- end }}
{{- end }}

{{- define "loadgen.results.volume" -}}
- name: results
  persistentVolumeClaim: {claimName: {{ .Values.results.existingClaim | default (printf "%s-loadgen-results" .Release.Name) }}}
{{- end }}

{{/* The pods with the results: on one node, where only one node can mount the volume. */}}
{{- define "loadgen.results.affinity" -}}
{{- if eq .Values.results.accessMode "ReadWriteOnce" }}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}, results: one-node}
{{- end }}
{{- end }}

{{- define "loadgen.results.labels" -}}
{{- if eq .Values.results.accessMode "ReadWriteOnce" }}
results: one-node
{{- end }}
{{- end }}
