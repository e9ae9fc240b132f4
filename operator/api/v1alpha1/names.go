package v1alpha1

// GroupName is the API group of KubeTunnel.
const GroupName = "kubetunnel.dev"

// Labels and annotations. Operator objects are found by label, never by ownerReference.
const (
	// LabelManagedBy marks every object that the operator makes.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is its value, and the field manager of the operator's writes.
	ManagedBy = "kubetunnel-operator"
	// LabelTarget holds the UID of the Service that an object was made for.
	LabelTarget = "kubetunnel.dev/target-uid"
	// AnnotationTarget holds that Service's name.
	AnnotationTarget = "kubetunnel.dev/target"
	// AnnotationOriginal, on a switched Service, holds what is to be put back, as JSON.
	AnnotationOriginal = "kubetunnel.dev/original"
)

// The resource on which RBAC grants the verbs "intercept" (the traffic) and
// "inherit" (environment, files, identity): services.kubetunnel.dev/<name>.
// No such resource is served; it exists in Roles only.
const (
	AccessResource = "services"
	VerbIntercept  = "intercept"
	VerbInherit    = "inherit"
)

// Where the operator is installed, and its name there.
const (
	OperatorNamespace = "kubetunnel-system"
	OperatorName      = "kubetunnel-operator"
)
