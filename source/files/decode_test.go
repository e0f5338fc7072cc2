package files
import ("testing";"fmt")
func TestTry(t *testing.T){
 d:=decode(fileRef{name:"a.yaml"},[]byte("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations: {a: 1}\nspec:\n  port:\n  - port: 80\n    targetport: x\n  ports:\n  - port: abc\n---\nkind: Servic\napiVersion: v1\nmetadata: {name: x}\n---\na: b\n  c: d\n---\nfoo: 1\n---\napiVersion: v1\nkind: Service\nmetadata: {name: ok}\nspec: {ports: [{port: 80}], selector: {a: no}}\n---\na: \"x\n\n\n---\na:\n  b: 1\n c: 2\n"))
 for _,p:=range d.problems {fmt.Println(p)}
 for _,e:=range d.entries { fmt.Println(e.key, e.value!=nil); for _,p:=range e.problems {fmt.Println("  ",p)}}
}
