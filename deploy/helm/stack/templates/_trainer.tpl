{{/* A pod that runs the trainer once. Takes a dict: root, component, args, and of a publish the file's init, volumes and
mounts. With object storage, the trainer works on a copy of the repository, and what it wrote is stored at the end. */}}
{{- define "stack.trainer.pod" -}}
{{- $root := .root }}{{ $s3 := eq $root.Values.storage.kind "s3" }}
metadata:
  labels:
    {{- include "stack.selector" (list $root .component) | nindent 4 }}
    {{- include "stack.models.labels" $root | nindent 4 }}
spec:
  restartPolicy: Never
  {{- include "stack.pod" (list $root .component $root.Values.trainer) | nindent 2 }}
  {{- include "stack.models.affinity" $root | nindent 2 }}
  {{- if or $s3 .init }}
  initContainers:
    {{- with .init }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if $s3 }}
    {{- include "stack.models.rclone" (list $root "fetch" (include "stack.models.fetch" $root)) | nindent 4 }}
    {{- include "stack.trainer.container" . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- if $s3 }}
    {{- include "stack.models.rclone" (list $root "store" (include "stack.models.store" $root)) | nindent 4 }}
    {{- else }}
    {{- include "stack.trainer.container" . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "stack.models.volume" $root | nindent 4 }}
    - name: data
      {{- toYaml ($root.Values.trainer.dataVolume | default (dict "emptyDir" dict)) | nindent 6 }}
    - name: cache
      emptyDir: {}
    {{- include "stack.adminKey.volume" $root | nindent 4 }}
    {{- include "stack.secrets.volume" (list $root false ($root.Values.tls.triton | ternary (list "ca.crt" "client.crt" "client.key") list)) | nindent 4 }}
    {{- include "stack.tmp" $root | nindent 4 }}
    {{- with .volumes }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "stack.trainer.container" -}}
{{- $root := .root -}}
- name: trainer
  image: {{ include "stack.image" (list $root "trainer") }}
  {{- include "stack.container" (list $root $root.Values.trainer.resources) | nindent 2 }}
  args:
    {{- toYaml .args | nindent 4 }}
    {{- if eq $root.Values.storage.kind "s3" }}
    - --no-load # Triton has no copy of the new version yet
    {{- end }}
  env:
    - {name: TRAINER_DATA_DIR, value: /data}
    - {name: TRITON_SERVER_URL, value: "{{ $root.Release.Name }}-triton:8001"}
    - {name: TRITON_ADMIN_KEY_FILE, value: /run/keys/triton-admin-key}
    {{- if $root.Values.tls.triton }}
    - {name: TRITON_TLS_CA_FILE, value: /run/secrets/ca.crt}
    - {name: TRAINER_TRITON_TLS_CERT_FILE, value: /run/secrets/client.crt}
    - {name: TRAINER_TRITON_TLS_KEY_FILE, value: /run/secrets/client.key}
    {{- end }}
    {{- include "stack.env" $root.Values.trainer.env | nindent 4 }}
  volumeMounts:
    {{- include "stack.models.mount" (list $root false) | nindent 4 }}
    - {name: data, mountPath: /data, readOnly: true}
    - {name: cache, mountPath: /var/cache/trainer}
    - {name: keys, mountPath: /run/keys, readOnly: true}
    {{- if $root.Values.tls.triton }}
    - {name: secrets, mountPath: /run/secrets, readOnly: true}
    {{- end }}
    - {name: tmp, mountPath: /tmp}
    {{- with .mounts }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* A Job can't be changed, so its name ends in a checksum of its pod: an upgrade that changes the pod makes another. */}}
{{- define "stack.trainer.job" -}}
{{- $pod := include "stack.trainer.pod" . | trim }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}-{{ sha256sum $pod | trunc 8 }}
  labels:
    {{- include "stack.labels" (list .root .component) | nindent 4 }}
spec:
  backoffLimit: {{ .root.Values.trainer.backoffLimit }}
  template:
    {{- $pod | nindent 4 }}
{{- end }}
