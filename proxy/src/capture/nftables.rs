//! The nftables backend: rules go to the kernel by netlink, in one transaction.

use nlink::netlink::nftables::{
    BaseChain, Chain as NftChain, ChainName as NftChainName, CmpOp, CtState, Expr, Family, Field,
    FilterHook, Match as NftMatch, MetaKey, NatHook, Policy, Priority, Register, Rule as NftRule,
    Transaction, Value,
};
use nlink::netlink::{Connection, Nftables};

use super::address_family::AddressFamily;
use super::error::CaptureError;
use super::rule::{
    Action, ConnState, Hook, Match, Rule, RuleSet, Table, TableName, Test, Transport,
};

/// How often a transaction is tried again because somebody else changed the ruleset meanwhile.
const ATTEMPTS: usize = 5;

/// Replaces all our tables by the given ones, as one.
pub(super) async fn install(rules: &RuleSet) -> Result<(), CaptureError> {
    commit(|mut batch| {
        for (name, table) in rules.tables() {
            batch = add_table(batch, name, table)?;
        }
        Ok(batch)
    })
    .await
}

/// Removes all our tables.
pub(super) async fn remove() -> Result<(), CaptureError> {
    commit(Ok).await
}

/// Commits a batch that begins by deleting our tables that exist. The kernel refuses it if the ruleset changed since
/// they were listed; then it is tried anew.
async fn commit(
    extend: impl Fn(Transaction) -> Result<Transaction, nlink::Error>,
) -> Result<(), CaptureError> {
    let connection = Connection::<Nftables>::new().map_err(|e| classify(&e))?;
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS {
        outcome = attempt(&connection, &extend).await;
        match &outcome {
            Err(error) if error.is_restart() => {}
            Ok(()) | Err(_) => break,
        }
    }
    outcome.map_err(|error| classify(&error))
}

async fn attempt(
    connection: &Connection<Nftables>,
    extend: impl Fn(Transaction) -> Result<Transaction, nlink::Error>,
) -> Result<(), nlink::Error> {
    let generation = connection.generation().await?;
    let existing = connection.list_tables_in(Family::Inet).await?;
    let mut batch = connection.transaction().expect_generation(generation);
    for name in TableName::ALL.map(TableName::nft) {
        if existing.iter().any(|table| table.name == name) {
            batch = batch.del_table(name, Family::Inet);
        }
    }
    extend(batch)?.commit(connection).await
}

/// Tells a kernel without nf_tables (or without the parts that we need) from one that does not let us.
fn classify(error: &nlink::Error) -> CaptureError {
    const ABSENT: [i32; 6] = [
        libc::ENOENT,
        libc::EOPNOTSUPP,
        libc::EPROTONOSUPPORT,
        libc::EAFNOSUPPORT,
        libc::ENOSYS,
        libc::ENOPROTOOPT,
    ];
    match error.errno() {
        Some(errno) if ABSENT.contains(&errno) => CaptureError::NoNftables {
            reason: error.to_string(),
        },
        Some(_) | None => CaptureError::netlink("nftables", error),
    }
}

fn add_table(
    mut batch: Transaction,
    name: TableName,
    table: &Table,
) -> Result<Transaction, nlink::Error> {
    batch = batch.add_table(name.nft(), Family::Inet);
    for (chain, _) in table.chains() {
        let mut added = NftChain::new(name.nft(), chain.nft())?.family(Family::Inet);
        if let Some(at) = chain.hook() {
            added = added.base(hook(name, at).policy(Policy::Accept));
        }
        batch = batch.add_chain(added);
    }
    for (chain_name, chain) in table.chains() {
        for rule in &chain.rules {
            let base = NftRule::new(name.nft(), chain_name.nft()).family(Family::Inet);
            let matched = rule.matches.iter().fold(base, add_match);
            batch = batch.add_rule(add_action(matched.counter(), rule)?);
        }
    }
    Ok(batch)
}

fn hook(table: TableName, hook: Hook) -> BaseChain {
    match (table, hook) {
        (TableName::Nat, Hook::Prerouting) => BaseChain::nat(NatHook::Prerouting, Priority::DstNat),
        (TableName::Nat, Hook::Output) => BaseChain::nat(NatHook::Output, Priority::DstNat),
        (TableName::Mangle, Hook::Prerouting) => {
            BaseChain::filter(FilterHook::Prerouting, Priority::Mangle)
        }
        // A changed mark must be able to change the route.
        (TableName::Mangle, Hook::Output) => BaseChain::route(Priority::Mangle),
        (TableName::Raw, Hook::Prerouting) => {
            BaseChain::filter(FilterHook::Prerouting, Priority::Raw)
        }
        (TableName::Raw, Hook::Output) => BaseChain::filter(FilterHook::Output, Priority::Raw),
    }
}

fn add_match(rule: NftRule, matched: &Match) -> NftRule {
    let test = matched.test();
    let (field, value) = match test {
        Test::Transport(transport) => (Field::L4Proto, Value::from(transport.number())),
        Test::Port(Transport::Tcp, port) => (Field::TcpDport, Value::from(*port)),
        Test::Port(Transport::Udp, port) => (Field::UdpDport, Value::from(*port)),
        Test::Source(range) => {
            let fields = [Field::Ip4Saddr, Field::Ip6Saddr];
            (
                by_family(range, fields),
                Value::Prefix(range.addr(), range.prefix_len()),
            )
        }
        Test::Destination(range) => {
            let fields = [Field::Ip4Daddr, Field::Ip6Daddr];
            (
                by_family(range, fields),
                Value::Prefix(range.addr(), range.prefix_len()),
            )
        }
        Test::InInterface(name) => (Field::Iifname, Value::Name(name.clone())),
        Test::OutInterface(name) => (Field::Oifname, Value::Name(name.clone())),
        Test::Uid(id) => return add_owner(rule, MetaKey::SkUid, *id, matched),
        Test::Gid(id) => return add_owner(rule, MetaKey::SkGid, *id, matched),
        Test::Mark(mark) => (Field::Mark, Value::from(*mark)),
        Test::ConnMark(mark) => (Field::CtMark, Value::from(*mark)),
        Test::ConnState(ConnState::Invalid) => (Field::CtState, Value::from(CtState::INVALID)),
        Test::ConnState(ConnState::RelatedOrEstablished) => (
            Field::CtState,
            Value::from(CtState::ESTABLISHED | CtState::RELATED),
        ),
    };
    rule.then(match matched {
        Match::Is(_) => NftMatch::eq(field, value),
        Match::Not(_) => NftMatch::ne(field, value),
    })
}

fn by_family(range: &ipnet::IpNet, [v4, v6]: [Field; 2]) -> Field {
    match AddressFamily::of(range) {
        AddressFamily::V4 => v4,
        AddressFamily::V6 => v6,
    }
}

/// The owner's id is a host-order word, compared as it is. A packet without a local socket ends the rule.
fn add_owner(rule: NftRule, key: MetaKey, id: u32, matched: &Match) -> NftRule {
    let op = match matched {
        Match::Is(_) => CmpOp::Eq,
        Match::Not(_) => CmpOp::Neq,
    };
    let load = Expr::Meta {
        dreg: Register::R0,
        key,
    };
    let compare = Expr::Cmp {
        sreg: Register::R0,
        op,
        data: id.to_ne_bytes().to_vec(),
    };
    rule.then(load).then(compare)
}

fn add_action(added: NftRule, rule: &Rule) -> Result<NftRule, nlink::Error> {
    Ok(match rule.action {
        Action::Return => added.then(nlink::netlink::nftables::Verdict::Return),
        Action::Accept => added.accept(),
        Action::Drop => added.drop(),
        Action::Jump(chain) => added.jump(NftChainName::new(chain.nft())?),
        Action::Redirect(port) => added.redirect(Some(port)),
        Action::Tproxy { port, mark } => {
            let family = match rule.address_family() {
                Some(AddressFamily::V4) => Family::Ip,
                Some(AddressFamily::V6) => Family::Ip6,
                None => Family::Inet,
            };
            added
                .tproxy(family, None, Some(port))
                .set_mark(mark)
                .accept()
        }
        Action::SetMark(mark) => added.set_mark(mark),
        Action::SaveMark => added.save_mark_to_ct(),
        Action::RestoreMark => added.restore_mark_from_ct(),
    })
}
