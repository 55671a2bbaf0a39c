{{/* The files below /run/secrets. Takes (list $ API_KEYS FILES): whether API keys are there, and which files for TLS. */}}
{{- define "stack.secrets.volume" -}}
{{- $root := index . 0 }}{{ $files := index . 2 }}
{{- if or (index . 1) $files }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- if index . 1 }}
      - secret:
          name: {{ $root.Values.apiKeys.existingSecret | default (printf "%s-api-keys" $root.Release.Name) }}
          items: [{key: api-keys, path: api-keys}]
      {{- end }}
      {{- if $files }}
      - secret:
          name: {{ $root.Values.tls.existingSecret | default (printf "%s-tls" $root.Release.Name) }}
          items:
            {{- range $files }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      {{- end }}
{{- end }}
{{- end }}

{{- define "stack.adminKey.volume" -}}
- name: keys
  secret:
    secretName: {{ .Values.triton.adminKeySecret | default (printf "%s-triton-admin-key" .Release.Name) }}
    defaultMode: 0440
{{- end }}

{{/* How the api's image speaks to Triton: the api itself and the worker. */}}
{{- define "stack.apiToTriton.env" -}}
- {name: TRITON_SERVER_URL, value: "dns:///{{ .Release.Name }}-triton:8001"}
{{- if .Values.tls.triton }}
- {name: API_TRITON_TLS_CA_FILE, value: /run/secrets/ca.crt}
- {name: API_TRITON_TLS_CERT_FILE, value: /run/secrets/client.crt}
- {name: API_TRITON_TLS_KEY_FILE, value: /run/secrets/client.key}
{{- end }}
{{- if include "stack.redis.used" . }}
- name: API_REDIS_URL
  {{- if .Values.redis.url }}
  value: {{ .Values.redis.url | quote }}
  {{- else }}
  valueFrom: {secretKeyRef: {name: {{ include "stack.redis.secret" . }}, key: redis-url}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "stack.redis.used" -}}
{{- if or .Values.redis.enabled .Values.jobs.enabled }}true{{ end }}
{{- end }}

{{- define "stack.redis.own" -}}
{{- if and (include "stack.redis.used" .) (not .Values.redis.url) (not .Values.redis.existingSecret) }}true{{ end }}
{{- end }}

{{- define "stack.redis.secret" -}}
{{- .Values.redis.existingSecret | default (printf "%s-redis" .Release.Name) }}
{{- end }}
