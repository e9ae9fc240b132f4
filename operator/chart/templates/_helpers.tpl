{{/* The one namespace in which tunnel-server looks for the operator. */}}
{{- define "kubetunnel.namespace" -}}
{{- if ne .Release.Namespace "kubetunnel-system" -}}
{{- fail (printf "the operator lives in namespace kubetunnel-system, where tunnel-server looks for it, and not in %q: helm install -n kubetunnel-system" .Release.Namespace) -}}
{{- end -}}
{{- .Release.Namespace -}}
{{- end -}}

{{/* On everything that is installed. It is not the label of what the operator makes for intercepts. */}}
{{- define "kubetunnel.labels" -}}
app.kubernetes.io/name: kubetunnel-operator
app.kubernetes.io/part-of: kubetunnel
app.kubernetes.io/version: {{ regexReplaceAll "[^A-Za-z0-9._-]" .Chart.AppVersion "_" | trunc 63 | trimAll "._-" | quote }}
{{- end -}}

{{- define "kubetunnel.selector" -}}
app.kubernetes.io/name: kubetunnel-operator
{{- end -}}

{{- define "kubetunnel.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What an agent may have of an app. */}}
{{- define "kubetunnel.inherit" -}}
{{- $parts := list -}}
{{- if .Values.inherit.environment }}{{ $parts = append $parts "environment" }}{{ end -}}
{{- if .Values.inherit.files }}{{ $parts = append $parts "files" }}{{ end -}}
{{- if .Values.inherit.identity }}{{ $parts = append $parts "identity" }}{{ end -}}
{{- join "," $parts -}}
{{- end -}}

{{/* What the Pod Security profile "restricted" asks for. */}}
{{- define "kubetunnel.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "kubetunnel.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What of an uninstallation's hook runs before the release goes, and goes itself when it has gone well. */}}
{{- define "kubetunnel.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
