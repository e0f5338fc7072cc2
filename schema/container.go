package schema

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// container checks one container. Names are those of the containers before it, volumes those
// that it may mount.
func (r *report) container(p *path, c *corev1.Container, names, volumes map[string]bool) {
	r.requiredName(p.field("name"), c.Name, names)
	if c.Image == "" {
		r.missing(p.field("image"), "name the image")
	}
	r.containerPorts(p.field("ports"), c.Ports)
	for i := range c.Env {
		r.env(p.field("env").item(i), &c.Env[i])
	}
	for i := range c.EnvFrom {
		r.envFrom(p.field("envFrom").item(i), &c.EnvFrom[i])
	}
	paths := make(map[string]bool)
	for i, m := range c.VolumeMounts {
		at := p.field("volumeMounts").item(i)
		switch {
		case m.Name == "":
			r.missing(at.field("name"), "")
		case !volumes[m.Name]:
			r.invalid(at.field("name"), "add it to the volumes of the Pod, or correct the name", "there is no volume %q", m.Name)
		}
		switch {
		case m.MountPath == "":
			r.missing(at.field("mountPath"), "")
		case paths[m.MountPath]:
			r.invalid(at.field("mountPath"), "mount one of them elsewhere", "two volumes are mounted at %s", m.MountPath)
		}
		paths[m.MountPath] = true
	}
	r.probe(p.field("livenessProbe"), c.LivenessProbe)
	r.probe(p.field("readinessProbe"), c.ReadinessProbe)
	r.probe(p.field("startupProbe"), c.StartupProbe)
	if l := c.LivenessProbe; l != nil && l.SuccessThreshold > 1 {
		r.invalid(p.field("livenessProbe").field("successThreshold"), "remove it: one success is enough to live", "is %d, but must be 1", l.SuccessThreshold)
	}
	if c.Lifecycle != nil {
		r.lifecycle(p.field("lifecycle").field("postStart"), c.Lifecycle.PostStart)
		r.lifecycle(p.field("lifecycle").field("preStop"), c.Lifecycle.PreStop)
	}
	r.resources(p.field("resources"), c.Resources)
	r.securityContext(p.field("securityContext"), c.SecurityContext)
}

func (r *report) securityContext(p *path, c *corev1.SecurityContext) {
	if c == nil {
		return
	}
	r.userID(p.field("runAsUser"), c.RunAsUser)
	r.userID(p.field("runAsGroup"), c.RunAsGroup)
	if c.Privileged != nil && *c.Privileged && c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation {
		r.invalid(p.field("allowPrivilegeEscalation"), "remove it, or privileged", "cannot be false where privileged is true")
	}
}

// userID checks the number of a user or a group.
func (r *report) userID(p *path, id *int64) {
	if id != nil && (*id < 0 || *id > math.MaxInt32) {
		r.invalid(p, "use a number from 0 to 2147483647", "%d is not the number of a user or group", *id)
	}
}

func (r *report) containerPorts(p *path, ports []corev1.ContainerPort) {
	names := make(map[string]bool)
	for i, port := range ports {
		at := p.item(i)
		if port.Name != "" {
			switch {
			case len(validation.IsValidPortName(port.Name)) > 0:
				r.invalid(at.field("name"), "use lower-case letters, digits and '-', with at least one letter, at most 15 characters", "%q is not the name of a port", port.Name)
			case names[port.Name]:
				r.invalid(at.field("name"), "rename one of the two", "%q is there twice", port.Name)
			}
			names[port.Name] = true
		}
		r.port(at.field("containerPort"), port.ContainerPort, false)
		r.port(at.field("hostPort"), port.HostPort, true)
	}
}

func (r *report) env(p *path, e *corev1.EnvVar) {
	switch {
	case e.Name == "":
		r.missing(p.field("name"), "")
	case len(validation.IsRelaxedEnvVarName(e.Name)) > 0:
		r.invalid(p.field("name"), "", "%q is not the name of a variable", e.Name)
	}
	from := e.ValueFrom
	if from == nil {
		return
	}
	at := p.field("valueFrom")
	sources := 0
	for _, there := range []bool{from.FieldRef != nil, from.ResourceFieldRef != nil, from.ConfigMapKeyRef != nil, from.SecretKeyRef != nil, from.FileKeyRef != nil} {
		if there {
			sources++
		}
	}
	switch {
	case e.Value != "":
		r.invalid(at, "remove one of them", "cannot be used together with value")
	case sources == 0:
		r.invalid(at, "use fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef", "does not say where the value is from")
	case sources > 1:
		r.invalid(at, "remove all but one", "has several sources")
	}
	if from.FieldRef != nil && from.FieldRef.FieldPath == "" {
		r.missing(at.field("fieldRef").field("fieldPath"), "such as metadata.name")
	}
}

func (r *report) envFrom(p *path, e *corev1.EnvFromSource) {
	switch {
	case e.ConfigMapRef == nil && e.SecretRef == nil:
		r.invalid(p, "use configMapRef or secretRef", "does not say where the values are from")
	case e.ConfigMapRef != nil && e.SecretRef != nil:
		r.invalid(p, "make two entries", "has both configMapRef and secretRef")
	case e.ConfigMapRef != nil && e.ConfigMapRef.Name == "":
		r.missing(p.field("configMapRef").field("name"), "name the ConfigMap")
	case e.SecretRef != nil && e.SecretRef.Name == "":
		r.missing(p.field("secretRef").field("name"), "name the Secret")
	}
}

// handler is what a probe or a hook does.
type handler struct {
	exec *corev1.ExecAction
	http *corev1.HTTPGetAction
	tcp  *corev1.TCPSocketAction
	grpc *corev1.GRPCAction
	wait *corev1.SleepAction
}

func (r *report) handler(p *path, h handler) {
	count := 0
	if h.exec != nil {
		count++
		if len(h.exec.Command) == 0 {
			r.missing(p.field("exec").field("command"), "")
		}
	}
	if h.http != nil {
		count++
		r.targetPort(p.field("httpGet").field("port"), h.http.Port)
	}
	if h.tcp != nil {
		count++
		r.targetPort(p.field("tcpSocket").field("port"), h.tcp.Port)
	}
	if h.grpc != nil {
		count++
		r.port(p.field("grpc").field("port"), h.grpc.Port, false)
	}
	if h.wait != nil {
		count++
	}
	switch {
	case count == 0:
		r.missing(p, "say what it does: exec, httpGet or tcpSocket")
	case count > 1:
		r.invalid(p, "keep one", "does several things")
	}
}

// targetPort checks a port that is a number or the name of one.
func (r *report) targetPort(p *path, port intstr.IntOrString) {
	switch {
	case port.Type == intstr.Int:
		r.port(p, port.IntVal, false)
	case len(validation.IsValidPortName(port.StrVal)) > 0:
		r.invalid(p, "use a number from 1 to 65535, or the name of a port of the container", "%q is not a port", port.StrVal)
	}
}

func (r *report) probe(p *path, probe *corev1.Probe) {
	if probe == nil {
		return
	}
	r.handler(p, handler{exec: probe.Exec, http: probe.HTTPGet, tcp: probe.TCPSocket, grpc: probe.GRPC})
	r.atLeast(p.field("initialDelaySeconds"), &probe.InitialDelaySeconds, 0)
	r.atLeast(p.field("timeoutSeconds"), &probe.TimeoutSeconds, 0)
	r.atLeast(p.field("periodSeconds"), &probe.PeriodSeconds, 0)
	r.atLeast(p.field("successThreshold"), &probe.SuccessThreshold, 0)
	r.atLeast(p.field("failureThreshold"), &probe.FailureThreshold, 0)
}

func (r *report) lifecycle(p *path, l *corev1.LifecycleHandler) {
	if l != nil {
		r.handler(p, handler{exec: l.Exec, http: l.HTTPGet, tcp: l.TCPSocket, wait: l.Sleep})
	}
}
