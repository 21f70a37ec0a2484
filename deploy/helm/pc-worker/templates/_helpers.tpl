{{- define "pc-worker.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "pc-worker.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "pc-worker.labels" -}}
{{ include "pc-worker.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "pc-worker.databaseUrl" -}}
{{- if .Values.trial.enabled }}postgresql://{{ include "pc-worker.name" . }}-postgres:5432/pcw{{ else }}{{ required "database.url is needed, or trial.enabled" .Values.database.url }}{{ end }}
{{- end }}

{{- define "pc-worker.redisUrl" -}}
{{- if .Values.trial.enabled }}redis://{{ include "pc-worker.name" . }}-valkey:6379/0{{ else }}{{ required "redis.url is needed, or trial.enabled" .Values.redis.url }}{{ end }}
{{- end }}

{{- define "pc-worker.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "pc-worker.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The environment of every part: {root, env}. Secrets are files, so that they are not in the environment. */}}
{{- define "pc-worker.env" -}}
{{- $values := .root.Values }}
- {name: PC_WORKER_DATABASE_URL, value: {{ include "pc-worker.databaseUrl" .root | quote }}}
- {name: PC_WORKER_DATABASE_USER, value: {{ $values.database.user | quote }}}
- {name: PC_WORKER_REDIS_URL, value: {{ include "pc-worker.redisUrl" .root | quote }}}
{{- with $values.redis.user }}
- {name: PC_WORKER_REDIS_USER, value: {{ . | quote }}}
{{- end }}
- {name: PC_WORKER_DATA_ROOTS, value: {{ $values.data.roots | quote }}}
- {name: PC_WORKER_METRICS_ADDRESS, value: "0.0.0.0:9464"}
{{- range $key, $variable := dict "databasePassword" "DATABASE_PASSWORD_FILE" "redisPassword" "REDIS_PASSWORD_FILE" "token" "TOKEN_FILE" "tokensFile" "TOKENS_FILE" }}
{{- with index $values.secretKeys $key }}
- {name: PC_WORKER_{{ $variable }}, value: /secrets/{{ . }}}
{{- end }}
{{- end }}
{{- with $values.tls.secretName }}
- {name: PC_WORKER_TLS_CERT, value: /tls/tls.crt}
- {name: PC_WORKER_TLS_KEY, value: /tls/tls.key}
{{- end }}
{{- range $name, $value := $values.settings }}
- {name: PC_WORKER_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- range $name, $value := .env }}
- {name: PC_WORKER_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pc-worker.mounts" -}}
- {name: state, mountPath: /state}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /secrets, readOnly: true}
{{- if .Values.data.existingClaim }}
- {name: data, mountPath: /data, readOnly: true}
{{- end }}
{{- if .Values.tls.secretName }}
- {name: tls, mountPath: /tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "pc-worker.volumes" -}}
- name: state
  persistentVolumeClaim: {claimName: {{ .Values.state.existingClaim | default (printf "%s-state" (include "pc-worker.name" .)) }}}
- name: tmp
  emptyDir: {}
- name: secrets
  secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}
{{- with .Values.data.existingClaim }}
- name: data
  persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
{{- end }}
{{- with .Values.tls.secretName }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* A pod of a part: {root, part, args, env, ports, probes, grace, resources}. */}}
{{- define "pc-worker.pod" -}}
metadata:
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .grace }}
  securityContext:
    {{- include "pc-worker.podSecurity" . | nindent 4 }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .restart }}
  restartPolicy: {{ . }}
  {{- end }}
  containers:
    - name: {{ .part }}
      image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}"
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      env:
        {{- include "pc-worker.env" . | nindent 8 }}
      {{- with .ports }}
      ports: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      resources: {{ toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "pc-worker.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "pc-worker.mounts" .root | nindent 8 }}
  volumes:
    {{- include "pc-worker.volumes" .root | nindent 4 }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* A Deployment of a part: what a pod takes, and {replicas, strategy}. */}}
{{- define "pc-worker.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "pc-worker.name" .root }}-{{ .part }}
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
spec:
  {{- if .replicas }}
  replicas: {{ .replicas }}
  {{- end }}
  {{- with .strategy }}
  strategy: {{ toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "pc-worker.selector" . | nindent 6 }}
  template:
    {{- include "pc-worker.pod" . | nindent 4 }}
{{- end }}

{{/* A Service of a part: {root, part, type, ports}. */}}
{{- define "pc-worker.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "pc-worker.name" .root }}-{{ .part }}
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
spec:
  type: {{ .type | default "ClusterIP" }}
  selector:
    {{- include "pc-worker.selector" . | nindent 4 }}
  ports: {{ toYaml .ports | nindent 4 }}
{{- end }}

{{/* A PodDisruptionBudget of a part: {root, part, budget}. */}}
{{- define "pc-worker.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "pc-worker.name" .root }}-{{ .part }}
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
spec:
  {{- toYaml .budget | nindent 2 }}
  selector:
    matchLabels:
      {{- include "pc-worker.selector" . | nindent 6 }}
{{- end }}
