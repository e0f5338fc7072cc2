package schema

import (
	corev1 "k8s.io/api/core/v1"
)

func (r *report) persistentVolumeClaim(c *corev1.PersistentVolumeClaim) { r.claimSpec(spec, &c.Spec) }

func (r *report) claimSpec(p *path, s *corev1.PersistentVolumeClaimSpec) {
	if len(s.AccessModes) == 0 {
		r.missing(p.field("accessModes"), "such as [ReadWriteOnce]")
	}
	r.accessModes(p.field("accessModes"), s.AccessModes)
	if size, there := s.Resources.Requests[corev1.ResourceStorage]; !there {
		r.missing(p.field("resources").field("requests").field("storage"), "say how much, such as 1Gi")
	} else if size.Sign() <= 0 {
		r.invalid(p.field("resources").field("requests").field("storage"), "", "is %s, but must be more than 0", size.String())
	}
	r.selector(p.field("selector"), s.Selector)
}

func (r *report) accessModes(p *path, modes []corev1.PersistentVolumeAccessMode) {
	for i, m := range modes {
		switch m {
		case corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod:
		default:
			r.invalid(p.item(i), "use ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod", "%q is not an access mode", m)
		}
	}
}

func (r *report) persistentVolume(v *corev1.PersistentVolume) {
	if len(v.Spec.AccessModes) == 0 {
		r.missing(spec.field("accessModes"), "such as [ReadWriteOnce]")
	}
	r.accessModes(spec.field("accessModes"), v.Spec.AccessModes)
	if _, there := v.Spec.Capacity[corev1.ResourceStorage]; !there {
		r.missing(spec.field("capacity").field("storage"), "say how much, such as 1Gi")
	}
	if v.Spec.PersistentVolumeSource == (corev1.PersistentVolumeSource{}) {
		r.missing(spec, "say where the volume is, such as nfs or csi")
	}
	if v.Spec.HostPath != nil && v.Spec.HostPath.Path == "" {
		r.missing(spec.field("hostPath").field("path"), "")
	}
}
