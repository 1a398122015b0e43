//! The rule tree: tables, chains, matches and actions in words that every backend can express.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::address_family::AddressFamily;

/// Everything that capture installs, table by table. A table without rules is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSet {
    tables: BTreeMap<TableName, Table>,
}

/// One table: its chains with at least one rule, in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    chains: BTreeMap<ChainName, Chain>,
}

/// One chain: rules are tried in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// The rules, first match first.
    pub rules: Vec<Rule>,
}

/// One rule: when every match holds, the action is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// All must hold; empty matches everything.
    pub matches: Vec<Match>,
    /// What happens then.
    pub action: Action,
}

/// A test that must hold, or must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The test holds.
    Is(Test),
    /// The test does not hold.
    Not(Test),
}

/// A property of a packet or of the socket that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Layer 4 protocol.
    Transport(Transport),
    /// Destination port of that protocol.
    Port(Transport, u16),
    /// Source address within the range.
    Source(IpNet),
    /// Destination address within the range.
    Destination(IpNet),
    /// Name of the interface that the packet came in by.
    InInterface(String),
    /// Name of the interface that the packet leaves by.
    OutInterface(String),
    /// User id of the sending socket's owner.
    Uid(u32),
    /// Group id of the sending socket's owner.
    Gid(u32),
    /// Packet mark (`SO_MARK` of the sending socket, or set by a rule).
    Mark(u32),
    /// Connection mark.
    ConnMark(u32),
    /// Connection-tracking state.
    ConnState(ConnState),
}

/// The layer 4 protocols that rules speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// The connection-tracking states that rules speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnState {
    /// Part of, or related to, a connection seen in both directions.
    RelatedOrEstablished,
    /// Not attributable to any connection, such as out of window.
    Invalid,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leave this chain.
    Return,
    /// Let the packet through; no later rule of the table sees it.
    Accept,
    /// Discard the packet.
    Drop,
    /// Continue in another chain, and come back if it has no verdict.
    Jump(ChainName),
    /// Rewrite the destination to this port of the local machine.
    Redirect(u16),
    /// Hand the packet to a transparent socket on `port` and mark it; address family as the rule's matches say.
    Tproxy {
        /// Port of the transparent listener.
        port: u16,
        /// Mark that routes the packet to the loopback interface.
        mark: u32,
    },
    /// Set the packet mark.
    SetMark(u32),
    /// Copy the packet mark to the connection.
    SaveMark,
    /// Copy the connection mark to the packet.
    RestoreMark,
}

/// The tables that capture uses, named as Istio's native nftables mode names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableName {
    /// Address translation.
    Nat,
    /// Marks and transparent delivery.
    Mangle,
    /// Before connection tracking. Nothing is installed here, but rules that Istio left are removed from it.
    Raw,
}

/// The chains that capture uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainName {
    /// Everything that arrives (hook).
    Prerouting,
    /// Everything that local processes send (hook).
    Output,
    /// Which arriving connections go to the proxy.
    Inbound,
    /// Which departing connections go to the proxy.
    Outbound,
    /// To the outbound listener.
    Redirect,
    /// To the inbound listener.
    InRedirect,
    /// Mark packets of established connections for local delivery.
    Divert,
    /// To the transparent inbound listener.
    Tproxy,
    /// Discard.
    Drop,
}

impl RuleSet {
    /// The tables that have rules.
    pub fn tables(&self) -> impl Iterator<Item = (TableName, &Table)> {
        self.tables.iter().map(|(name, table)| (*name, table))
    }

    /// The rules of a chain; empty if there are none.
    pub fn chain(&self, table: TableName, chain: ChainName) -> &[Rule] {
        self.tables
            .get(&table)
            .and_then(|table| table.chains.get(&chain))
            .map_or(&[], |chain| &chain.rules)
    }

    pub(crate) fn push(&mut self, table: TableName, chain: ChainName, rule: Rule) {
        let chains = &mut self.tables.entry(table).or_default().chains;
        chains.entry(chain).or_default().rules.push(rule);
    }
}

impl Table {
    /// The chains, hooks first.
    pub fn chains(&self) -> impl Iterator<Item = (ChainName, &Chain)> {
        self.chains.iter().map(|(name, chain)| (*name, chain))
    }
}

impl Rule {
    pub(crate) fn new(matches: impl IntoIterator<Item = Match>, action: Action) -> Self {
        Self {
            matches: matches.into_iter().collect(),
            action,
        }
    }

    pub(crate) fn always(action: Action) -> Self {
        Self::new([], action)
    }

    /// The address family that the rule is limited to by the addresses it names.
    pub(crate) fn address_family(&self) -> Option<AddressFamily> {
        self.matches
            .iter()
            .find_map(|matched| match matched.test() {
                Test::Source(range) | Test::Destination(range) => Some(AddressFamily::of(range)),
                Test::Transport(_)
                | Test::Port(..)
                | Test::InInterface(_)
                | Test::OutInterface(_)
                | Test::Uid(_)
                | Test::Gid(_)
                | Test::Mark(_)
                | Test::ConnMark(_)
                | Test::ConnState(_) => None,
            })
    }
}

impl Match {
    pub(crate) fn test(&self) -> &Test {
        match self {
            Self::Is(test) | Self::Not(test) => test,
        }
    }
}

impl Transport {
    /// The IP protocol number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }

    /// The name that nft and iptables share.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl TableName {
    /// Every table that may hold something of ours.
    pub const ALL: [Self; 3] = [Self::Nat, Self::Mangle, Self::Raw];

    /// The table's name in nftables.
    pub fn nft(self) -> &'static str {
        match self {
            Self::Nat => "istio-proxy-nat",
            Self::Mangle => "istio-proxy-mangle",
            Self::Raw => "istio-proxy-raw",
        }
    }

    /// The table's name in iptables.
    pub fn iptables(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Mangle => "mangle",
            Self::Raw => "raw",
        }
    }
}

/// Where packets come by that the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    /// Before they are routed.
    Prerouting,
    /// When this machine sends them.
    Output,
}

impl Hook {
    /// Its name in nftables.
    pub(crate) fn nft(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Output => "output",
        }
    }

    /// The chain of iptables that it runs.
    pub(crate) fn iptables(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Output => "OUTPUT",
        }
    }
}

impl ChainName {
    /// The hook that runs the chain; none where other chains lead to it.
    pub(crate) fn hook(self) -> Option<Hook> {
        match self {
            Self::Prerouting => Some(Hook::Prerouting),
            Self::Output => Some(Hook::Output),
            Self::Inbound
            | Self::Outbound
            | Self::Redirect
            | Self::InRedirect
            | Self::Divert
            | Self::Tproxy
            | Self::Drop => None,
        }
    }

    /// The chain's name in nftables.
    pub fn nft(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Output => "output",
            Self::Inbound => "istio-inbound",
            Self::Outbound => "istio-output",
            Self::Redirect => "istio-redirect",
            Self::InRedirect => "istio-in-redirect",
            Self::Divert => "istio-divert",
            Self::Tproxy => "istio-tproxy",
            Self::Drop => "istio-drop",
        }
    }

    /// The chain's name in iptables. The hooks are chains of ours there too, so that removing them cannot touch a
    /// rule of somebody else.
    pub fn iptables(self) -> &'static str {
        match self {
            Self::Prerouting => "ISTIO_HOOK_PREROUTING",
            Self::Output => "ISTIO_HOOK_OUTPUT",
            Self::Inbound => "ISTIO_INBOUND",
            Self::Outbound => "ISTIO_OUTPUT",
            Self::Redirect => "ISTIO_REDIRECT",
            Self::InRedirect => "ISTIO_IN_REDIRECT",
            Self::Divert => "ISTIO_DIVERT",
            Self::Tproxy => "ISTIO_TPROXY",
            Self::Drop => "ISTIO_DROP",
        }
    }
}
