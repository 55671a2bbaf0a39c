{{/* The model repository: volume, mount, and the containers that bring models to a pod and take them from it. */}}

{{- define "stack.models.volume" -}}
{{- if eq .Values.storage.kind "claim" }}
- name: models
  persistentVolumeClaim: {claimName: {{ .Values.storage.claim.existing | default (printf "%s-models" .Release.Name) }}}
{{- else if eq .Values.storage.kind "s3" }}
- name: models
  emptyDir: {}
{{- end }}
{{- end }}

{{/* Takes (list $ READ_ONLY). */}}
{{- define "stack.models.mount" -}}
{{- if ne (index . 0).Values.storage.kind "image" }}
- {name: models, mountPath: /models, readOnly: {{ index . 1 }}}
{{- end }}
{{- end }}

{{- define "stack.models.oneNode" -}}
{{- if and (eq .Values.storage.kind "claim") (eq .Values.storage.claim.accessMode "ReadWriteOnce") }}true{{ end }}
{{- end }}

{{- define "stack.models.labels" -}}
{{- if include "stack.models.oneNode" . }}
models: one-node
{{- end }}
{{- end }}

{{/* All pods that use a volume which only one node can mount run on the node of the first of them. */}}
{{- define "stack.models.affinity" -}}
{{- if include "stack.models.oneNode" . }}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}, models: one-node}
{{- end }}
{{- end }}

{{/* Takes (list $ NAME SCRIPT): rclone in a shell, with the bucket as $remote. */}}
{{- define "stack.models.rclone" -}}
{{- $root := index . 0 }}{{ $s3 := $root.Values.storage.s3 -}}
- name: {{ index . 1 }}
  image: {{ $s3.image }}
  {{- include "stack.container" (list $root $s3.resources) | nindent 2 }}
  command: [sh, -euc]
  args:
    - |
      {{- index . 2 | nindent 6 }}
  env:
    - {name: remote, value: {{ printf ":s3:%s" $s3.path | quote }}}
    - {name: RCLONE_CONFIG, value: /tmp/rclone.conf}
    - {name: RCLONE_S3_ENV_AUTH, value: "true"}
    - {name: RCLONE_S3_NO_CHECK_BUCKET, value: "true"}
    - {name: RCLONE_S3_PROVIDER, value: {{ empty $s3.endpoint | ternary "AWS" "Other" }}}
    - {name: RCLONE_S3_REGION, value: {{ $s3.region | quote }}}
    {{- with $s3.endpoint }}
    - {name: RCLONE_S3_ENDPOINT, value: {{ . | quote }}}
    {{- end }}
  {{- with $s3.credentialsSecret }}
  envFrom:
    - secretRef: {name: {{ . }}}
  {{- end }}
  volumeMounts:
    - {name: models, mountPath: /models}
    - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* The configs come before the versions that they name, since `store` writes them after those. */}}
{{- define "stack.models.fetch" -}}
rclone copy --include '/*/config.pbtxt' "$remote" /models
rclone copy --exclude '.*' --exclude '.*/**' --exclude '/*/config.pbtxt' "$remote" /models
{{- end }}

{{- define "stack.models.store" -}}
rclone copy --exclude '.*' --exclude '.*/**' --exclude '/*/config.pbtxt' /models "$remote"
rclone copy --include '/*/config.pbtxt' /models "$remote"
{{- end }}

{{/* Before Triton starts: its models are there. It loads at start what it finds, and later what a trainer tells it to. */}}
{{- define "stack.models.triton" -}}
{{- $awaited := or .Values.trainer.enabled .Values.publish }}
{{- if eq .Values.storage.kind "s3" }}
{{ include "stack.models.rclone" (list . "models" (include "stack.models.s3Script" .)) }}
{{- else if and (eq .Values.storage.kind "claim") $awaited }}
- name: models
  image: {{ include "stack.image" (list . "triton") }}
  {{- include "stack.container" (list . .Values.triton.resources) | nindent 2 }}
  command: [sh, -euc]
  args: ['until ls /models/*/config.pbtxt; do echo "no model is published yet"; sleep 1; done']
  volumeMounts:
    - {name: models, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}

{{- define "stack.models.s3Script" -}}
{{- if or .Values.trainer.enabled .Values.publish -}}
fetch() {
  {{- include "stack.models.fetch" . | nindent 2 }}
}
until fetch && ls /models/*/config.pbtxt; do echo "no model in $remote yet"; sleep 5; done
{{- else -}}
{{ include "stack.models.fetch" . }}
{{- end }}
{{- end }}
