package schema

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func (r *report) deployment(d *appsv1.Deployment) {
	r.atLeast(spec.field("replicas"), d.Spec.Replicas, 0)
	r.atLeast(spec.field("minReadySeconds"), &d.Spec.MinReadySeconds, 0)
	r.atLeast(spec.field("revisionHistoryLimit"), d.Spec.RevisionHistoryLimit, 0)
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType && d.Spec.Strategy.RollingUpdate != nil {
		r.invalid(spec.field("strategy").field("rollingUpdate"), "remove it, or use the type RollingUpdate", "is not for the type Recreate")
	}
	if u := d.Spec.Strategy.RollingUpdate; u != nil {
		r.countOrPercent(spec.field("strategy").field("rollingUpdate").field("maxUnavailable"), u.MaxUnavailable)
		if u.MaxSurge != nil && u.MaxSurge.Type == intstr.Int { // a percentage may be above 100
			r.countOrPercent(spec.field("strategy").field("rollingUpdate").field("maxSurge"), u.MaxSurge)
		}
	}
	r.replicated(d.Spec.Selector, &d.Spec.Template, nil)
}

func (r *report) replicaSet(s *appsv1.ReplicaSet) {
	r.atLeast(spec.field("replicas"), s.Spec.Replicas, 0)
	r.atLeast(spec.field("minReadySeconds"), &s.Spec.MinReadySeconds, 0)
	r.replicated(s.Spec.Selector, &s.Spec.Template, nil)
}

func (r *report) daemonSet(d *appsv1.DaemonSet) {
	if u := d.Spec.UpdateStrategy.RollingUpdate; u != nil {
		r.countOrPercent(spec.field("updateStrategy").field("rollingUpdate").field("maxUnavailable"), u.MaxUnavailable)
		r.countOrPercent(spec.field("updateStrategy").field("rollingUpdate").field("maxSurge"), u.MaxSurge)
	}
	r.atLeast(spec.field("minReadySeconds"), &d.Spec.MinReadySeconds, 0)
	r.atLeast(spec.field("revisionHistoryLimit"), d.Spec.RevisionHistoryLimit, 0)
	r.replicated(d.Spec.Selector, &d.Spec.Template, nil)
}

func (r *report) statefulSet(s *appsv1.StatefulSet) {
	r.atLeast(spec.field("replicas"), s.Spec.Replicas, 0)
	r.atLeast(spec.field("minReadySeconds"), &s.Spec.MinReadySeconds, 0)
	r.atLeast(spec.field("revisionHistoryLimit"), s.Spec.RevisionHistoryLimit, 0)
	r.optionalName(spec.field("serviceName"), s.Spec.ServiceName, label)
	claims := make(map[string]bool)
	for i := range s.Spec.VolumeClaimTemplates {
		claim := &s.Spec.VolumeClaimTemplates[i]
		at := spec.field("volumeClaimTemplates").item(i)
		r.requiredName(at.field("metadata").field("name"), claim.Name, make(map[string]bool)) // the last of a name counts
		claims[claim.Name] = true
		r.claimSpec(at.field("spec"), &claim.Spec)
	}
	r.replicated(s.Spec.Selector, &s.Spec.Template, claims)
}

// replicationController has its selector as plain labels, which default to those of the template.
func (r *report) replicationController(c *corev1.ReplicationController) {
	r.atLeast(spec.field("replicas"), c.Spec.Replicas, 0)
	r.atLeast(spec.field("minReadySeconds"), &c.Spec.MinReadySeconds, 0)
	if c.Spec.Template == nil {
		r.missing(spec.field("template"), "")
		return
	}
	selector := c.Spec.Selector
	if len(selector) == 0 {
		selector = c.Spec.Template.Labels
	}
	r.stringLabels(spec.field("selector"), c.Spec.Selector)
	r.replicated(&metav1.LabelSelector{MatchLabels: selector}, c.Spec.Template, nil)
}

// replicated checks what makes copies of Pods: the selector selects them, and they run forever.
func (r *report) replicated(selector *metav1.LabelSelector, t *corev1.PodTemplateSpec, claims map[string]bool) {
	p := spec.field("template")
	r.selector(spec.field("selector"), selector)
	if selector != nil {
		if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
			r.invalid(spec.field("selector"), "select labels of the template", "is empty")
		} else if s, err := metav1.LabelSelectorAsSelector(selector); err == nil && !s.Matches(labels.Set(t.Labels)) {
			r.invalid(p.field("metadata").field("labels"), "give the template all labels of the selector: "+s.String(), "the selector does not match the labels of the template")
		}
	}
	if t.Spec.RestartPolicy != "" && t.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		r.invalid(p.field("spec").field("restartPolicy"), "remove it, or use a Job", "is %s, but must be Always", t.Spec.RestartPolicy)
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		r.invalid(p.field("spec").field("activeDeadlineSeconds"), "remove it, or use a Job", "is only for Pods that end")
	}
	r.podTemplate(p, t, claims)
}

func (r *report) job(j *batchv1.Job) { r.jobSpec(spec, &j.Spec) }

func (r *report) jobSpec(p *path, s *batchv1.JobSpec) {
	r.atLeast(p.field("parallelism"), s.Parallelism, 0)
	r.atLeast(p.field("completions"), s.Completions, 0)
	r.atLeast(p.field("backoffLimit"), s.BackoffLimit, 0)
	r.atLeast(p.field("ttlSecondsAfterFinished"), s.TTLSecondsAfterFinished, 0)
	if s.ActiveDeadlineSeconds != nil && *s.ActiveDeadlineSeconds < 0 {
		r.invalid(p.field("activeDeadlineSeconds"), "", "is %d, but must be at least 0", *s.ActiveDeadlineSeconds)
	}
	at := p.field("template")
	switch policy := s.Template.Spec.RestartPolicy; policy {
	case corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure:
	case "":
		r.missing(at.field("spec").field("restartPolicy"), "use Never or OnFailure")
	default:
		r.invalid(at.field("spec").field("restartPolicy"), "use Never or OnFailure", "is %s, which never ends", policy)
	}
	r.podTemplate(at, &s.Template, nil)
}

// maxCronJobName leaves room for what is appended to the names of its Jobs.
const maxCronJobName = 52

func (r *report) cronJob(c *batchv1.CronJob) {
	if len(c.Name) > maxCronJobName {
		r.invalid(new(path).field("metadata").field("name"), "shorten it", "has %d characters; at most %d are allowed for a CronJob", len(c.Name), maxCronJobName)
	}
	if fields := strings.Fields(c.Spec.Schedule); len(fields) != 5 && !strings.HasPrefix(c.Spec.Schedule, "@") {
		r.invalid(spec.field("schedule"), "write minute, hour, day of month, month and day of week, such as 0 3 * * *", "%q has %d fields instead of 5", c.Spec.Schedule, len(fields))
	}
	r.atLeast(spec.field("successfulJobsHistoryLimit"), c.Spec.SuccessfulJobsHistoryLimit, 0)
	r.atLeast(spec.field("failedJobsHistoryLimit"), c.Spec.FailedJobsHistoryLimit, 0)
	r.jobSpec(spec.field("jobTemplate").field("spec"), &c.Spec.JobTemplate.Spec)
}
