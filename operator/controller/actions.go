package controller

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// Action is one thing to do. All of them may be done twice.
type Action interface{ fmt.Stringer }

// The actions, in the order in which a session's life brings them.
type (
	// CreateOrigin makes the origin Service. It comes first: found by label, it is
	// what reminds a restarted operator of a half-made agent.
	CreateOrigin struct{ Service *corev1.Service }
	// UpdateOrigin brings its selector and ports to those of the target.
	UpdateOrigin struct{ Service *corev1.Service }
	// CreateAgent makes a key pair, the Secret with it, and then the Deployment
	// with the public half. The Secret's name comes from the key, so that no node
	// mounts a former agent's.
	CreateAgent struct {
		Secret     *corev1.Secret
		Deployment *appsv1.Deployment
	}
	// PutRole says what it takes to reach the agent pod.
	PutRole struct{ Role *rbacv1.Role }
	// PutBinding gives that to the intercept's user.
	PutBinding struct{ Binding *rbacv1.RoleBinding }
	// SwitchService puts the agent's selector on the Service.
	SwitchService struct {
		Service  *corev1.Service
		Original original.Original
	}
	// RestoreService puts the selector back, then does what FinishRestore does.
	RestoreService struct {
		Service  *corev1.Service
		Original original.Original
		Reason   string
	}
	// FinishRestore removes the annotation and puts managedFields back. The selector stays.
	FinishRestore struct {
		Service  *corev1.Service
		Original original.Original
	}
	// DeleteIntercept ends an intercept whose engine is gone.
	DeleteIntercept struct {
		Intercept v1alpha1.Intercept
		Reason    string
	}
	// DeleteSecrets removes the Secrets made for a Service, which we may not read.
	DeleteSecrets struct {
		Namespace string
		Target    types.UID
	}
	// Delete removes one of our objects.
	Delete struct{ Object client.Object }
)

func (a CreateOrigin) String() string   { return "create Service " + a.Service.Name }
func (a UpdateOrigin) String() string   { return "update Service " + a.Service.Name }
func (a CreateAgent) String() string    { return "create Deployment " + a.Deployment.Name }
func (a PutRole) String() string        { return "put Role " + a.Role.Name }
func (a PutBinding) String() string     { return "put RoleBinding " + a.Binding.Name }
func (a SwitchService) String() string  { return "switch Service " + a.Service.Name }
func (a RestoreService) String() string { return "restore Service " + a.Service.Name + ": " + a.Reason }
func (a FinishRestore) String() string  { return "finish restoring Service " + a.Service.Name }
func (a DeleteIntercept) String() string {
	return "delete Intercept " + a.Intercept.Name + ": " + a.Reason
}
func (a DeleteSecrets) String() string { return "delete Secrets made for Service " + string(a.Target) }
func (a Delete) String() string        { return fmt.Sprintf("delete %T %s", a.Object, a.Object.GetName()) }
