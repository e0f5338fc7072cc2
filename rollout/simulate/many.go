package simulate

import (
	"runtime"
	"slices"
	"sync"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Summary is how many rollouts ended.
type Summary struct {
	Runs     int   `json:"runs"`
	Promoted Share `json:"promoted"`
	Aborted  Share `json:"aborted"`
	// Open had not ended, or wait for something that does not come.
	Open int `json:"open"`
}

// Share are those that ended in one way.
type Share struct {
	Runs int `json:"runs"`
	// Within how many seconds half of them had ended, and 95 of 100; 0 where there are none.
	P50 float64 `json:"p50Seconds"`
	P95 float64 `json:"p95Seconds"`
}

// Many simulates rollouts that differ by chance only: their seeds are those from World.Seed on.
// Errors wrap ErrSpec.
func Many(spec v1alpha1.RolloutSpec, w World, runs int) (Summary, error) {
	if _, err := begin(spec, w); err != nil {
		return Summary{}, err
	}
	stories := make([]Story, runs)
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				one := w
				one.Seed += uint64(i)
				stories[i], _ = Run(spec, one) // the spec can be simulated: see above
			}
		})
	}
	for i := range runs {
		next <- i
	}
	close(next)
	workers.Wait()
	took := map[OutcomeKind][]float64{}
	for _, s := range stories {
		took[s.Outcome] = append(took[s.Outcome], s.Seconds)
	}
	return Summary{
		Runs: runs, Promoted: shareOf(took[Promoted]), Aborted: shareOf(took[Aborted]),
		Open: len(took[Running]) + len(took[Waiting]),
	}, nil
}

func shareOf(seconds []float64) Share {
	n := len(seconds)
	if n == 0 {
		return Share{}
	}
	slices.Sort(seconds)
	return Share{Runs: n, P50: seconds[(n-1)/2], P95: seconds[(n*95+99)/100-1]}
}
