package translator

import (
	"github.com/gateway-cp/gateway-cp/api"
)

// features lists everything that is built. The order of this file is the order in which a
// reader of the package should look at the features.
func features() Rules {
	return Rules{
		Lookups:   lookupsOf,
		Always:    func(*Reader) []Unit { return nil },
		CalledFor: func(*Reader, *api.Object) []Unit { return nil },
	}
}

func lookupsOf(*api.Object) []lookup { return nil }
