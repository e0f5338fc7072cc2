package schema

import (
	"encoding/json"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
)

// byHand are the kinds of which Kubernetes checks more than their types, and we do, too.
var byHand = map[schema.GroupVersionKind]func(r *report, o Object){
	corev1.SchemeGroupVersion.WithKind("Pod"):                                   typed((*report).pod),
	corev1.SchemeGroupVersion.WithKind("PodTemplate"):                           typed((*report).podTemplateObject),
	corev1.SchemeGroupVersion.WithKind("ReplicationController"):                 typed((*report).replicationController),
	corev1.SchemeGroupVersion.WithKind("Service"):                               typed((*report).service),
	corev1.SchemeGroupVersion.WithKind("ConfigMap"):                             (*report).configMap,
	corev1.SchemeGroupVersion.WithKind("Secret"):                                (*report).secretData,
	corev1.SchemeGroupVersion.WithKind("ResourceQuota"):                         typed((*report).resourceQuota),
	corev1.SchemeGroupVersion.WithKind("LimitRange"):                            typed((*report).limitRange),
	discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"):                    (*report).endpointSlice,
	corev1.SchemeGroupVersion.WithKind("PersistentVolume"):                      typed((*report).persistentVolume),
	corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"):                 typed((*report).persistentVolumeClaim),
	appsv1.SchemeGroupVersion.WithKind("Deployment"):                            typed((*report).deployment),
	appsv1.SchemeGroupVersion.WithKind("ReplicaSet"):                            typed((*report).replicaSet),
	appsv1.SchemeGroupVersion.WithKind("DaemonSet"):                             typed((*report).daemonSet),
	appsv1.SchemeGroupVersion.WithKind("StatefulSet"):                           typed((*report).statefulSet),
	batchv1.SchemeGroupVersion.WithKind("Job"):                                  typed((*report).job),
	batchv1.SchemeGroupVersion.WithKind("CronJob"):                              typed((*report).cronJob),
	rbacv1.SchemeGroupVersion.WithKind("Role"):                                  typed((*report).role),
	rbacv1.SchemeGroupVersion.WithKind("ClusterRole"):                           typed((*report).clusterRole),
	rbacv1.SchemeGroupVersion.WithKind("RoleBinding"):                           typed((*report).roleBinding),
	rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"):                    typed((*report).clusterRoleBinding),
	networkingv1.SchemeGroupVersion.WithKind("Ingress"):                         typed((*report).ingress),
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"):                   typed((*report).networkPolicy),
	networkingv1.SchemeGroupVersion.WithKind("IngressClass"):                    typed((*report).ingressClass),
	coordinationv1.SchemeGroupVersion.WithKind("Lease"):                         typed((*report).lease),
	schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"):                   typed((*report).priorityClass),
	nodev1.SchemeGroupVersion.WithKind("RuntimeClass"):                          typed((*report).runtimeClass),
	storagev1.SchemeGroupVersion.WithKind("StorageClass"):                       typed((*report).storageClass),
	policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"):                 typed((*report).podDisruptionBudget),
	autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"):        typed((*report).horizontalPodAutoscaler),
	admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"):        typed((*report).admissionPolicy),
	admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"): typed((*report).admissionPolicyBinding),
}

// typed reads an object of a kind for its check.
func typed[T any](check func(*report, *T)) func(r *report, o Object) {
	return func(r *report, o Object) {
		object := new(T)
		if o.Into == nil || !o.Into(object) {
			object = new(T)
			if err := json.Unmarshal(o.JSON, object); err != nil {
				r.add(api.Error, "", api.ReasonInvalidField, "", err.Error())
				return
			}
		}
		check(r, object)
	}
}

// semantics checks what no schema says, for the kinds where that matters.
func (r *report) semantics(o Object) {
	if check := byHand[o.GVK]; check != nil {
		check(r, o)
	}
}

// spec is where almost everything is.
var spec = new(path).field("spec")

func (r *report) invalid(p *path, hint, format string, args ...any) {
	r.fail(p, api.ReasonInvalidField, hint, format, args...)
}

func (r *report) missing(p *path, hint string) {
	r.fail(p, api.ReasonMissingField, hint, "is required")
}

// atLeast checks a number's lower bound.
func (r *report) atLeast(p *path, n *int32, least int32) {
	if n != nil && *n < least {
		r.invalid(p, "", "is %d, but must be at least %d", *n, least)
	}
}

// port checks the number of a port; 0 where it may be left out is fine.
func (r *report) port(p *path, n int32, optional bool) {
	if n == 0 && optional || n >= 1 && n <= 65535 {
		return
	}
	r.invalid(p, "use a number from 1 to 65535", "%d is not a port", n)
}
