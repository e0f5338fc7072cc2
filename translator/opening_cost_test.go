package translator

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api"
)

// Among many Services with node ports and cluster IPs, a change of one builds and sends what is its own and
// nothing else.
func TestOpeningsOfOthersAreLeftAlone(t *testing.T) {
	service := func(i int) Change {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("service-%d", i)}}
		s.Spec.Type = corev1.ServiceTypeNodePort
		s.Spec.ClusterIP = fmt.Sprintf("10.96.%d.%d", i/250, 1+i%250)
		s.Spec.Selector = map[string]string{"app": s.Name}
		s.Spec.Ports = []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: int32(30000 + i)}}
		o := admitted(t, s)
		return Change{o.Key, o}
	}
	var changes []Change
	for i := range 1000 {
		changes = append(changes, service(i))
	}
	tr := New(BindClusterIPs)
	tr.Apply(changes)
	moved := service(7)
	moved.Object.Value.(*corev1.Service).Spec.Ports[0].NodePort = 31500
	for what, change := range map[string]Change{
		"one more":                 service(1000),
		"another node port of one": moved,
		"one less":                 {Key: api.Key{Kind: api.KindService, Namespace: "shop", Name: "service-9"}},
	} {
		set := tr.Apply([]Change{change})
		if tr.Built() > 12 || len(set.Entries) == 0 || len(set.Entries) > 12 {
			t.Errorf("%s: %d units were built, %d outputs are different", what, tr.Built(), len(set.Entries))
		}
		for _, e := range set.Entries {
			if e.Output != nil && (len(e.Output.Sources) != 1 || e.Output.Sources[0] != change.Key) && !strings.Contains(e.Key.Name, change.Key.Name) {
				t.Errorf("%s: %v is not its own", what, e.Key)
			}
		}
	}
}
