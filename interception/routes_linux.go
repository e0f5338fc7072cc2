package interception

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// setRoutes makes the networks of cluster IPs local, has packets with the mark of the way back delivered
// here, and removes routes of ours that are not wanted any more.
func setRoutes(r Rules) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	var wanted []netlink.Route
	local := func(dst netip.Prefix, table int) {
		wanted = append(wanted, netlink.Route{
			LinkIndex: lo.Attrs().Index, Dst: ipNet(dst), Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST,
			Table: table, Protocol: RouteProtocol,
		})
	}
	for _, p := range r.ClusterIPs {
		local(p, unix.RT_TABLE_LOCAL)
	}
	families := everywhere()
	if r.OriginalSource {
		for _, all := range families {
			local(all, RouteTable)
		}
	}
	if err := replaceRoutes(wanted); err != nil {
		return err
	}
	for _, all := range families {
		if err := setRoutingRule(all, r.OriginalSource); err != nil {
			return err
		}
	}
	return nil
}

// everywhere gives the networks of all addresses, of the families that the kernel has.
func everywhere() []netip.Prefix {
	all := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if _, err := netlink.RuleList(unix.AF_INET6); err == nil {
		all = append(all, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	return all
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func family(p netip.Prefix) int {
	if p.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// listRoutes gives our routes, in both tables.
func listRoutes() ([]netlink.Route, error) {
	var all []netlink.Route
	for _, table := range []int{unix.RT_TABLE_LOCAL, RouteTable} {
		for _, p := range everywhere() {
			routes, err := netlink.RouteListFiltered(family(p), &netlink.Route{Table: table, Protocol: RouteProtocol}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
			if err != nil {
				return nil, err
			}
			all = append(all, routes...)
		}
	}
	return all, nil
}

func replaceRoutes(wanted []netlink.Route) error {
	there, err := listRoutes()
	if err != nil {
		return err
	}
	name := func(r netlink.Route) string { return fmt.Sprint(destination(r), " ", r.Table) }
	keep := map[string]bool{}
	for _, r := range wanted {
		keep[name(r)] = true
		if err := netlink.RouteReplace(&r); err != nil {
			return fmt.Errorf("%s: %w", destination(r), err)
		}
	}
	for _, r := range there {
		if keep[name(r)] {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil {
			return fmt.Errorf("remove %s: %w", destination(r), err)
		}
	}
	return nil
}

// destination is the network of a route; the kernel gives none for that of all addresses.
func destination(r netlink.Route) string {
	if r.Dst == nil {
		return "default"
	}
	if ones, _ := r.Dst.Mask.Size(); ones == 0 {
		return "default"
	}
	return r.Dst.String()
}

// setRoutingRule has packets with the mark of the way back looked up in our table, or not.
func setRoutingRule(all netip.Prefix, wanted bool) error {
	rules, err := ownRules(family(all))
	if err != nil {
		return err
	}
	if wanted && len(rules) == 0 {
		rule := netlink.NewRule()
		rule.Family, rule.Priority, rule.Table, rule.Mark, rule.Protocol = family(all), rulePriority, RouteTable, v1alpha1.OriginalSourceReply, RouteProtocol
		return netlink.RuleAdd(rule)
	}
	for _, rule := range rules {
		if wanted {
			break
		}
		if err := netlink.RuleDel(&rule); err != nil {
			return err
		}
	}
	return nil
}

func ownRules(family int) ([]netlink.Rule, error) {
	rules, err := netlink.RuleList(family)
	if err != nil {
		return nil, err
	}
	var own []netlink.Rule
	for _, rule := range rules {
		if rule.Table == RouteTable && rule.Mark == v1alpha1.OriginalSourceReply {
			rule.Family = family
			own = append(own, rule)
		}
	}
	return own, nil
}

// ownRoutes gives what there is of ours, in words.
func ownRoutes() (routes, rules []string, err error) {
	all, err := listRoutes()
	if err != nil {
		return nil, nil, err
	}
	for _, r := range all {
		table := ""
		if r.Table == RouteTable {
			table = fmt.Sprintf(" table %d", RouteTable)
		}
		routes = append(routes, fmt.Sprintf("local %s dev lo%s proto %d", destination(r), table, RouteProtocol))
	}
	for _, p := range everywhere() {
		own, err := ownRules(family(p))
		if err != nil {
			return nil, nil, err
		}
		for _, r := range own {
			rules = append(rules, fmt.Sprintf("%d: from all to %s fwmark %#x lookup %d", r.Priority, p, r.Mark, r.Table))
		}
	}
	return routes, rules, nil
}
