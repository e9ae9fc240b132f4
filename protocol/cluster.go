package protocol

// KubeContext is a context of the kubeconfig.
type KubeContext struct {
	Name      string `json:"name"`
	Cluster   string `json:"cluster"`
	User      string `json:"user"`
	Namespace string `json:"namespace"`
	Current   bool   `json:"current"`
}

// ListContextsParams asks for the contexts of the kubeconfig.
type ListContextsParams struct {
	// Unless is the revision of a former answer, as in ListServicesParams.
	Unless string `json:"unless,omitempty"`
}

// ListContextsResult answers cluster/contexts.
type ListContextsResult struct {
	Contexts []KubeContext `json:"contexts"`
	// Revision stands for what is told here. It means something to the server alone.
	Revision string `json:"revision,omitempty"`
}

// ListNamespacesParams asks for the namespaces of a context ("" = the current one).
type ListNamespacesParams struct {
	Context string `json:"context,omitempty"`
	// Unless is the revision of a former answer, as in ListServicesParams.
	Unless string `json:"unless,omitempty"`
}

// ListNamespacesResult answers cluster/namespaces.
type ListNamespacesResult struct {
	Namespaces []string `json:"namespaces"`
	// Revision stands for what is told here. It means something to the server alone.
	Revision string `json:"revision,omitempty"`
}

// ListServicesParams asks for the Services of one namespace ("" = the context's own).
type ListServicesParams struct {
	Context   string `json:"context,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	// Unless is the revision of a former answer: this one waits until there is something else to
	// tell. Cancel the request to wait no longer.
	Unless string `json:"unless,omitempty"`
}

// ListServicesResult answers cluster/services.
type ListServicesResult struct {
	Services []Service `json:"services"`
	// Revision stands for what is told here, ages left aside. It means something to the server alone.
	Revision string `json:"revision,omitempty"`
}

// Service is a Service as an editor shows it.
type Service struct {
	Name      string        `json:"name"`
	Namespace string        `json:"namespace"`
	Type      string        `json:"type"`
	Ports     []ServicePort `json:"ports"`
	// Workload is what runs the Service's pods; absent when none is found.
	Workload *Workload `json:"workload,omitempty"`
	// Intercept tells who debugs it now.
	Intercept *InterceptInfo `json:"intercept,omitempty"`
	// NotInterceptable says why a session can't be started on it; "" when it can.
	NotInterceptable string `json:"notInterceptable,omitempty"`
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name     string `json:"name,omitempty"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
	// TargetPort is as the Service writes it: a number or a name.
	TargetPort string `json:"targetPort"`
	// ResolvedPort is the container's port, 0 when a name can't be resolved.
	ResolvedPort int `json:"resolvedPort,omitempty"`
}

// Workload is the controller of the pods behind a Service.
type Workload struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Image string `json:"image"`
	Ready int    `json:"ready"`
	Total int    `json:"total"`
}

// InterceptInfo tells about an intercept on a Service.
type InterceptInfo struct {
	Name  string `json:"name"`
	User  string `json:"user"`
	Host  string `json:"host"`
	State string `json:"state"`
	// Since is an RFC 3339 time by the cluster's clock.
	Since string `json:"since"`
	// AgeSeconds is how long ago that was, by the cluster's clock too.
	AgeSeconds int64 `json:"ageSeconds,omitempty"`
	// LeaseLeftSeconds is for how long the intercept outlives its workstation from now on.
	LeaseLeftSeconds int64 `json:"leaseLeftSeconds,omitempty"`
	// Mine: it belongs to the asking user.
	Mine bool `json:"mine"`
}

// EndInterceptParams names the Service whose intercept is to be ended.
type EndInterceptParams struct {
	Context   string `json:"context,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Service   string `json:"service"`
}

// OperatorParams names the cluster.
type OperatorParams struct {
	Context string `json:"context,omitempty"`
	// WorkDoneToken asks for $/progress of operator/uninstall.
	WorkDoneToken ProgressToken `json:"workDoneToken,omitempty"`
}

// InstallOperatorParams tells what to install. Zero values mean the defaults of this release.
type InstallOperatorParams struct {
	Context string `json:"context,omitempty"`
	// Image overrides the image of operator and agent.
	Image string `json:"image,omitempty"`
	// ImagePullPolicy is Always, IfNotPresent (default) or Never.
	ImagePullPolicy string        `json:"imagePullPolicy,omitempty"`
	WorkDoneToken   ProgressToken `json:"workDoneToken,omitempty"`
}

// OperatorStatusResult tells which operator the cluster has.
type OperatorStatusResult struct {
	Installed bool `json:"installed"`
	// Version is the installed operator's; Wanted is this server's.
	Version   string `json:"version,omitempty"`
	Wanted    string `json:"wanted"`
	Namespace string `json:"namespace,omitempty"`
	Image     string `json:"image,omitempty"`
	// Ready: its Deployment is available.
	Ready bool `json:"ready"`
	// Message says what is wrong, if anything.
	Message string `json:"message,omitempty"`
}
