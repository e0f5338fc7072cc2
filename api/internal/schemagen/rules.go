package main

// rules are the CEL rules of the CRDs that JSON Schema can express too, by their text. The
// others (such as that shares sum to 100) are for admission and the API server alone.
var rules = map[string]func(map[string]any){
	"(has(self.traffic)?1:0)+(has(self.blueGreen)?1:0)+(has(self.canary)?1:0) == 1":                                                                oneOf("traffic", "blueGreen", "canary"),
	"(has(self.weight)?1:0)+(has(self.pause)?1:0)+(has(self.ramp)?1:0)+(has(self.analysis)?1:0)+(has(self.match)?1:0)+(has(self.mirror)?1:0) == 1": oneOf("weight", "pause", "ramp", "analysis", "match", "mirror"),
	"(has(self.header)?1:0)+(has(self.cookie)?1:0) == 1":                                                                                           oneOf("header", "cookie"),
	"has(self.exec) || [has(self.httpGet), has(self.tcpSocket), has(self.grpc)].filter(x, x).size() == 1":                                          oneOf("httpGet", "tcpSocket", "grpc"),
	"!has(self.exec)": without("exec"),
	"isIP(self)":      address,
	"type(self) != int || int(self) >= 0 && int(self) <= 100": between(0, 100),
	"type(self) != int || int(self) >= 0":                     atLeast(0),
}

// oneOf asks for exactly one of the fields.
func oneOf(fields ...string) func(map[string]any) {
	var choices []any
	for _, field := range fields {
		choices = append(choices, map[string]any{"required": []string{field}})
	}
	return func(schema map[string]any) { schema["oneOf"] = choices }
}

// without takes a field away.
func without(field string) func(map[string]any) {
	return func(schema map[string]any) { delete(schema["properties"].(map[string]any), field) }
}

func address(schema map[string]any) {
	schema["anyOf"] = []any{map[string]any{"format": "ipv4"}, map[string]any{"format": "ipv6"}}
}

func atLeast(least int) func(map[string]any) {
	return func(schema map[string]any) { schema["minimum"] = least }
}

func between(least, most int) func(map[string]any) {
	return func(schema map[string]any) { schema["minimum"], schema["maximum"] = least, most }
}
