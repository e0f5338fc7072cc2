package translator

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// condition makes a condition on an object. Its lastTransitionTime is left to whoever writes
// the status, since it depends on the clock and on what was said before.
func condition(object metav1.Object, typ string, holds bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{
		Type:               typ,
		Status:             status,
		ObservedGeneration: object.GetGeneration(),
		Reason:             reason,
		Message:            message,
	}
}

// verdict is what was found out about a condition: whether it holds, and why not. The zero
// verdict is that it does.
type verdict struct {
	reason  string // empty: it holds
	message string
}

func (v verdict) ok() bool { return v.reason == "" }

// no makes this the verdict unless there is one already: the first thing that is wrong is
// what is said.
func (v *verdict) no(reason, message string) {
	if v.reason == "" {
		v.reason, v.message = reason, message
	}
}

// condition says the verdict, with the reason good where the condition holds.
func (v verdict) condition(object metav1.Object, typ, good string) metav1.Condition {
	if v.ok() {
		return condition(object, typ, true, good, "")
	}
	return condition(object, typ, false, v.reason, v.message)
}
