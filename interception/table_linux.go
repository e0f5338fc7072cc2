package interception

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// table adds rules to the table.
type table struct {
	conn  *nftables.Conn
	table *nftables.Table
}

// newTable adds the table with all chains and rules to the transaction.
func newTable(conn *nftables.Conn, r Rules) {
	t := table{conn, conn.AddTable(&nftables.Table{Name: Table, Family: nftables.TableFamilyINet})}
	prerouting := t.chain("prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle)
	if r.OriginalSource {
		t.originalSource(prerouting)
	}
	switch r.Mode {
	case v1alpha1.InterceptTProxy:
		// What a process of this machine sends to a local address comes by here, too, over the loopback interface.
		t.intercept(prerouting, r, tproxy)
	case v1alpha1.InterceptRedirect:
		t.intercept(t.chain("prerouting-nat", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest), r, redirect)
		t.intercept(t.chain("output-nat", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest), r, redirect)
	}
}

func (t table) chain(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	return t.conn.AddChain(&nftables.Chain{Name: name, Table: t.table, Type: kind, Hooknum: hook, Priority: priority})
}

func (t table) rule(chain *nftables.Chain, words string, exprs ...[]expr.Any) {
	t.conn.AddRule(&nftables.Rule{
		Table: t.table, Chain: chain, Exprs: slices.Concat(exprs...),
		UserData: userdata.AppendString(nil, userdata.TypeComment, words),
	})
}

// intercept leads connections to cluster IPs and node ports to the socket.
func (t table) intercept(chain *nftables.Chain, r Rules, to func(four bool, port uint16) []expr.Any) {
	for _, p := range r.ClusterIPs {
		t.rule(chain, fmt.Sprintf("tcp to %s: %s :%d", p, r.Mode, r.Port), destinedTo(p), isTCP(), to(p.Addr().Is4(), r.Port))
	}
	if r.NodePorts == nil {
		return
	}
	if len(r.NodePortAddresses) == 0 {
		for _, all := range everywhere() {
			four := all.Addr().Is4()
			t.rule(chain, fmt.Sprintf("tcp to ports %s of local addresses of %s: %s :%d", r.NodePorts, all, r.Mode, r.Port),
				isFamily(four), destinedHere(), isTCP(), toPorts(*r.NodePorts), to(four, r.Port))
		}
	}
	for _, a := range r.NodePortAddresses {
		t.rule(chain, fmt.Sprintf("tcp to ports %s of %s: %s :%d", r.NodePorts, a, r.Mode, r.Port),
			destinedTo(netip.PrefixFrom(a, a.BitLen())), isTCP(), toPorts(*r.NodePorts), to(a.Is4(), r.Port))
	}
}

// originalSource remembers the connections that Envoy opens from the address of a client, and marks what comes
// back on them. Where the endpoint is on this machine it comes back by way of the output.
func (t table) originalSource(prerouting *nftables.Chain) {
	output := t.chain("output", nftables.ChainTypeRoute, nftables.ChainHookOutput, nftables.ChainPriorityMangle)
	t.rule(output, "connections of Envoy's from addresses of clients are remembered",
		markIs(v1alpha1.OriginalSourceMark), number(v1alpha1.OriginalSourceMark),
		[]expr.Any{&expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1}})
	for _, chain := range []*nftables.Chain{prerouting, output} {
		t.rule(chain, "what comes back on them is for Envoy", isReply(), connectionMarkIs(v1alpha1.OriginalSourceMark),
			number(v1alpha1.OriginalSourceReply), []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1}})
	}
	// The address of a process on this machine is none for endpoints elsewhere: a loopback address, or a cluster IP.
	postrouting := t.chain("postrouting-nat", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	t.rule(postrouting, "clients of this machine have its address", markIs(v1alpha1.OriginalSourceMark), leaves(),
		addressType(&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagSADDR: true}), []expr.Any{&expr.Masq{}})
}

func isFamily(four bool) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equals([]byte{protocolFamily(four)})}
}

func protocolFamily(four bool) byte {
	if four {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

func equals(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

// destinedTo matches the destination address of a packet.
func destinedTo(p netip.Prefix) []expr.Any {
	network := ipNet(p)
	offset := uint32(16) // of the destination in the header of IPv4
	if p.Addr().Is6() {
		offset = 24
	}
	length := uint32(p.Addr().BitLen() / 8)
	return append(isFamily(p.Addr().Is4()),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: network.Mask, Xor: make([]byte, length)},
		equals(p.Masked().Addr().AsSlice()))
}

// destinedHere matches packets to addresses of this machine.
func destinedHere() []expr.Any {
	return addressType(&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true})
}

func addressType(of *expr.Fib) []expr.Any {
	return []expr.Any{of, equals(binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL))}
}

func isTCP() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equals([]byte{unix.IPPROTO_TCP})}
}

func toPorts(r v1alpha1.PortRange) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Range{
			Op: expr.CmpOpEq, Register: 1,
			FromData: binaryutil.BigEndian.PutUint16(uint16(r.First)), ToData: binaryutil.BigEndian.PutUint16(uint16(r.Last)),
		},
	}
}

// tproxy hands a packet to the socket as it is.
func tproxy(four bool, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.TProxy{Family: protocolFamily(four), TableFamily: unix.NFPROTO_INET, RegPort: 1},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// redirect changes the destination of a packet to this machine and the socket.
func redirect(_ bool, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}

// number loads a number of 32 bits.
func number(n uint32) []expr.Any {
	return []expr.Any{&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(n)}}
}

func markIs(n uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, equals(binaryutil.NativeEndian.PutUint32(n))}
}

func connectionMarkIs(n uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, equals(binaryutil.NativeEndian.PutUint32(n))}
}

func isReply() []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, equals([]byte{1})}
}

// leaves matches packets that leave the machine.
func leaves() []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: name},
	}
}
