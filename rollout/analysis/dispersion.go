package analysis

// spread is what the samples say of how errors are spread over time. With r the errors of the
// canary beyond those of the stable version at the same time (in the same number of requests):
type spread struct {
	Squares   float64 `json:"squares,omitempty"`   // Σ r²
	Product   float64 `json:"product,omitempty"`   // Σ r·n, n the requests to the canary
	Requests2 float64 `json:"requests2,omitempty"` // Σ n²
	Stable    float64 `json:"stable,omitempty"`    // Σ n·q, q the error rate of the stable version
	Variance  float64 `json:"variance,omitempty"`  // Σ n·q·(1−q), what r² would be if the canary were the same
	Reference float64 `json:"reference,omitempty"` // Σ n²·q·(1−q)/m, the part of it from the m requests to the stable version
	Compared  float64 `json:"compared,omitempty"`  // Σ n
	Errors    float64 `json:"errors,omitempty"`    // Σ errors of the canary
	Weight    float64 `json:"weight,omitempty"`    // Σ n²/m
	Blocks    blocks  `json:"blocks,omitzero"`
}

// blocks are the first three of these sums over blocks of several samples: they show bursts that
// last for longer than one sample.
type blocks struct {
	Squares   float64 `json:"squares,omitempty"`
	Product   float64 `json:"product,omitempty"`
	Requests2 float64 `json:"requests2,omitempty"`
	Closed    int     `json:"closed,omitempty"`
	// The dispersion when the last block and the one before it were closed.
	Last   float64 `json:"last,omitempty"`
	Before float64 `json:"before,omitempty"`
	// The block that is not full yet.
	Excess   float64 `json:"excess,omitempty"` // Σ r
	Requests float64 `json:"requests,omitempty"`
	Samples  int     `json:"samples,omitempty"`
}

// blockSize is how many samples are a block.
const blockSize = 10

func (s *spread) addToBlock(r, n float64) {
	s.Blocks.Excess += r
	s.Blocks.Requests += n
	if s.Blocks.Samples++; s.Blocks.Samples == blockSize {
		dispersion := s.dispersion()
		s.Blocks = s.Blocks.close()
		s.Blocks.Last, s.Blocks.Before = dispersion, s.Blocks.Last
	}
}

// close ends the open block.
func (b blocks) close() blocks {
	return blocks{
		Squares:   b.Squares + b.Excess*b.Excess,
		Product:   b.Product + b.Excess*b.Requests,
		Requests2: b.Requests2 + b.Requests*b.Requests,
		Closed:    b.Closed + 1,
		Last:      b.Last,
		Before:    b.Before,
	}
}

// add takes in a sample in which both versions had requests.
func (s *spread) add(sample Sample) {
	n, m := float64(sample.Canary.Requests()), float64(sample.Stable.Requests())
	q := sample.Stable.Rate()
	r := float64(sample.Canary.Error) - n*q
	s.Squares += r * r
	s.Product += r * n
	s.Requests2 += n * n
	s.Stable += n * q
	s.Variance += n * q * (1 - q)
	s.Reference += n * n * q * (1 - q) / m
	s.Compared += n
	s.Errors += float64(sample.Canary.Error)
	s.Weight += n * n / m
	s.addToBlock(r, n)
}

// worse is by how much the canary's error rate is above that of the stable version. Each sample
// compares like with like, so neither a share that grows nor an outage of both shifts it.
func (s *spread) worse() float64 {
	if s.Compared == 0 {
		return 0
	}
	return (s.Errors - s.Stable) / s.Compared
}

// What is taken for granted to be spread as expected: a handful of errors, or of blocks, says nothing
// about how they are spread.
const (
	fewErrors = 2
	fewBlocks = 3
)

// dispersion is how many times more the difference between the versions varies over time than it
// would if every request failed for itself (at least 1). Errors in bursts raise it; a canary
// that is steadily worse does not, nor does what hits both versions at once.
func (s *spread) dispersion() float64 {
	if s.Compared == 0 {
		return 1
	}
	d := s.worse()
	expected := max(s.Variance+d*(s.Compared-2*s.Stable)-d*d*s.Compared, 0) + s.Reference
	seen := s.Squares - 2*d*s.Product + d*d*s.Requests2
	all := s.Blocks.close()
	slow := all.Squares - 2*d*all.Product + d*d*all.Requests2
	few := fewErrors + fewBlocks*expected/float64(all.Closed)
	return max(1, (seen+fewErrors)/(expected+fewErrors), (slow+few)/(expected+few))
}
