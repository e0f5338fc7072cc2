package schema

import (
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
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
		if u.MaxSurge != nil && (u.MaxSurge.Type == intstr.Int || len(validation.IsValidPercent(u.MaxSurge.StrVal)) > 0) { // a percentage may be above 100
			r.countOrPercent(spec.field("strategy").field("rollingUpdate").field("maxSurge"), u.MaxSurge)
		}
		if isZero(u.MaxUnavailable) && isZero(u.MaxSurge) {
			r.invalid(spec.field("strategy").field("rollingUpdate").field("maxUnavailable"), "raise one of them", "is 0, and maxSurge as well: nothing could be replaced")
		}
	}
	deadline := int32(600)
	if d.Spec.ProgressDeadlineSeconds != nil {
		deadline = *d.Spec.ProgressDeadlineSeconds
	}
	if deadline <= d.Spec.MinReadySeconds {
		r.invalid(spec.field("progressDeadlineSeconds"), "raise it, or lower minReadySeconds", "is %d, but must be more than minReadySeconds, which is %d", deadline, d.Spec.MinReadySeconds)
	}
	r.replicated(d.Spec.Selector, &d.Spec.Template, nil)
}

// isZero says whether a number or percentage of Pods is given, and 0.
func isZero(v *intstr.IntOrString) bool {
	if v == nil {
		return false
	}
	if v.Type == intstr.Int {
		return v.IntVal == 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	return err == nil && n == 0
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
		surge := u.MaxSurge != nil && !isZero(u.MaxSurge)
		switch at := spec.field("updateStrategy").field("rollingUpdate"); {
		case surge && !isZero(u.MaxUnavailable):
			r.invalid(at.field("maxSurge"), "set maxUnavailable to 0, or remove this", "cannot be used together with maxUnavailable, which is 1 where it is left out")
		case !surge && isZero(u.MaxUnavailable):
			r.invalid(at.field("maxUnavailable"), "raise it or maxSurge", "is 0, and maxSurge as well: nothing could be replaced")
		}
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
		} else {
			r.selects(selector, t)
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

func (r *report) job(j *batchv1.Job) {
	r.jobSpec(spec, &j.Spec)
	s, manual := j.Spec.Selector, j.Spec.ManualSelector != nil && *j.Spec.ManualSelector
	if s == nil {
		if manual {
			r.missing(spec.field("selector"), "select labels of the template, as manualSelector is true")
		}
		return
	}
	r.selector(spec.field("selector"), s)
	if manual {
		r.selects(s, &j.Spec.Template)
		return
	}
	generated := labels.Set{"job-name": j.Name, batchv1.JobNameLabel: j.Name}
	if selector, err := metav1.LabelSelectorAsSelector(s); err == nil && !selector.Matches(generated) {
		r.invalid(spec.field("selector"), "remove it, or set manualSelector: true", "is made by Kubernetes")
	}
}

// selects asks that a selector matches the labels of its template.
func (r *report) selects(selector *metav1.LabelSelector, t *corev1.PodTemplateSpec) {
	if s, err := metav1.LabelSelectorAsSelector(selector); err == nil && !s.Matches(labels.Set(t.Labels)) {
		r.invalid(spec.field("template").field("metadata").field("labels"), "give the template all labels of the selector: "+s.String(), "the selector does not match the labels of the template")
	}
}

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
	if c.Spec.Schedule != "" {
		r.schedule(spec.field("schedule"), c.Spec.Schedule)
	}
	if c.Spec.JobTemplate.Spec.Selector != nil {
		r.invalid(spec.field("jobTemplate").field("spec").field("selector"), "remove it", "is made by Kubernetes")
	}
	r.atLeast(spec.field("successfulJobsHistoryLimit"), c.Spec.SuccessfulJobsHistoryLimit, 0)
	r.atLeast(spec.field("failedJobsHistoryLimit"), c.Spec.FailedJobsHistoryLimit, 0)
	r.jobSpec(spec.field("jobTemplate").field("spec"), &c.Spec.JobTemplate.Spec)
}

// schedule checks a time as cron has it.
func (r *report) schedule(p *path, text string) {
	if strings.Contains(text, "TZ") {
		r.invalid(p, "use spec.timeZone", "%q has a time zone in it", text)
		return
	}
	if _, err := cron.ParseStandard(text); err != nil {
		r.invalid(p, "write minute, hour, day of month, month and day of week, such as 0 3 * * *", "%q is not a schedule: %v", text, err)
	}
}
