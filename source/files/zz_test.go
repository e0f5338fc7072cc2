package files
import ("testing";"fmt";"time";"os";"path/filepath";"runtime")
func TestZZ(t *testing.T){
 dir:=t.TempDir()
 for i:=range 10000 { write(t,dir,fmt.Sprintf("d%03d/s%05d.yaml",i%100,i),service(fmt.Sprintf("s%05d",i),80)) }
 store:=openState(t,t.TempDir())
 for round:=range 2 {
 b:=time.Now()
 r:=start(t,Options{Dir:dir,State:store}); fmt.Println("round",round,"first batch",time.Since(b), len(r.objects))
 time.Sleep(time.Second)
 var m runtime.MemStats; runtime.GC(); runtime.ReadMemStats(&m); fmt.Println("heap MB", m.HeapAlloc>>20)
 for i:=range 3 {
  b=time.Now(); write(t,dir,"d007/s00007.yaml",service("s00007",1000+i+round*10)); r.next(); fmt.Println("one change",time.Since(b))
  b=time.Now(); write(t,dir,fmt.Sprintf("new%d%d/x.yaml",i,round),service(fmt.Sprintf("new%d%d",i,round),1000+i)); x:=r.next(); fmt.Println("new dir",time.Since(b), len(x.Set))
 }
 b=time.Now(); must(t,r.stop()); fmt.Println("stop",time.Since(b))
 }
 _ = os.Remove; _ = filepath.Join
}
