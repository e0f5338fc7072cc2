package schema

// semantics checks what Kubernetes checks by hand, for the kinds where that matters.
func (r *report) semantics(o Object) {}
