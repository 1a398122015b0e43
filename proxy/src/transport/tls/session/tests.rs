use super::*;
use crate::transport::tls::fuzz::{self, Ours, configs, feed, pair};
use rustls::version::TLS13;
use rustls::{ClientConnection, Connection, ServerConnection};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

const ROLES: [Side; 2] = [Side::Client, Side::Server];

/// Whose side a session is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

/// A session of ours and the library's own connection on the other side.
fn against_library(side: Side, suite: usize) -> (Session, Connection) {
    let (client, server) = configs(&TLS13, suite);
    let mut theirs = match side {
        Side::Client => Connection::Server(ServerConnection::new(Arc::clone(&server)).unwrap()),
        Side::Server => Connection::Client(
            ClientConnection::new(Arc::clone(&client), "localhost".try_into().unwrap()).unwrap(),
        ),
    };
    let mut ours = match side {
        Side::Client => Ours::client(&client),
        Side::Server => Ours::server(&server),
    };
    while ours.role.common().is_handshaking() || theirs.is_handshaking() {
        let sent = ours.turn(&sent_by(&mut theirs));
        take(&mut theirs, &sent);
    }
    (Session::new(ours.role).unwrap(), theirs)
}

fn sent_by(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn take(connection: &mut Connection, mut bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while !bytes.is_empty() {
        connection.read_tls(&mut bytes).unwrap();
        let state = connection.process_new_packets().unwrap();
        let before = data.len();
        data.resize(before + state.plaintext_bytes_to_read(), 0);
        connection.reader().read_exact(&mut data[before..]).unwrap();
    }
    data
}

/// Seals all of `slices`.
fn sealed(session: &mut Session, slices: &[&[u8]]) -> Vec<u8> {
    let whole = slices.concat();
    let first: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
    let (mut taken, mut wire) = (0, Vec::new());
    while taken < whole.len() {
        let mut out = ReadAhead::default();
        taken += match taken {
            0 => session.seal(&first, &mut out).unwrap(),
            _ => session
                .seal(&[IoSlice::new(&whole[taken..])], &mut out)
                .unwrap(),
        };
        assert!(out.spare(Size::Usual).len() >= RESERVE, "an alert has room");
        wire.extend_from_slice(out.bytes());
    }
    wire
}

/// One record of any type, as it never should be sent.
fn record(session: &mut Session, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![0; content.len() + 64];
    let length = session.sealer.seal(kind, content, &mut out).unwrap();
    out.truncate(length);
    out
}

/// What a session opens of `wire`, in buffers of this many bytes.
fn opened(
    session: &mut Session,
    incoming: &mut ReadAhead,
    wire: &[u8],
    most: usize,
) -> Result<Vec<u8>, Refused> {
    feed(incoming, wire);
    let (mut data, mut room) = (Vec::new(), vec![0; most]);
    loop {
        let mut buf = ReadBuf::new(&mut room);
        let opened = session.open(incoming, &mut buf)?;
        assert_eq!(opened == Opened::Data, !buf.filled().is_empty());
        if opened != Opened::Data {
            return Ok(data);
        }
        data.extend_from_slice(buf.filled());
    }
}

fn refused(session: &mut Session, wire: &[u8]) -> Option<AlertDescription> {
    let result = opened(session, &mut ReadAhead::default(), wire, 1 << 15);
    result.expect_err("this is refused").alert
}

fn noise(rng: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

#[test]
fn data_of_any_size_passes_both_ways_in_both_roles_under_every_cipher() {
    let mut rng = fastrand::Rng::with_seed(1);
    for (side, suite) in ROLES
        .iter()
        .flat_map(|side| (0..3).map(move |suite| (*side, suite)))
    {
        let (mut ours, mut theirs) = against_library(side, suite);
        theirs.set_buffer_limit(None);
        let mut incoming = ReadAhead::default();
        for round in 0..40 {
            let sizes = [0, 1, 300, 16_383, 16_384, 16_385, 70_000];
            let pieces: Vec<_> = (0..rng.usize(1..4))
                .map(|_| {
                    let length = sizes[rng.usize(..sizes.len())];
                    noise(&mut rng, length)
                })
                .collect();
            let slices: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
            let arrived = take(&mut theirs, &sealed(&mut ours, &slices));
            assert!(arrived == pieces.concat(), "{side:?} {suite} {round}");
            let answer_length = rng.usize(1..90_000);
            let answer = noise(&mut rng, answer_length);
            theirs.writer().write_all(&answer).unwrap();
            let most = [1, 100, 20_000, 100_000][round % 4];
            let wire = sent_by(&mut theirs);
            let arrived = opened(&mut ours, &mut incoming, &wire, most).unwrap();
            assert!(arrived == answer, "{side:?} {suite} {round}");
        }
    }
}

#[test]
fn records_may_be_cut_anywhere_and_come_together() {
    for most in [1, 7, 1 << 14] {
        let (mut from, mut to) = pair();
        let (mut wire, mut data) = (Vec::new(), Vec::new());
        for length in [1, 0, 17, 250] {
            let content = vec![length; usize::from(length)];
            wire.extend(record(&mut from, record::APPLICATION_DATA, &content));
            data.extend(content);
        }
        let (early, late) = wire.split_at(wire.len() - 280);
        let mut incoming = ReadAhead::default();
        let mut arrived = Vec::new();
        for byte in early {
            arrived.extend(opened(&mut to, &mut incoming, &[*byte], most).unwrap());
        }
        arrived.extend(opened(&mut to, &mut incoming, late, most).unwrap());
        assert_eq!(arrived, data);
        assert!(incoming.is_empty() && !to.has_more(&incoming));
    }
}

#[test]
fn keys_change_in_both_directions_at_any_time() {
    let mut rng = fastrand::Rng::with_seed(2);
    for side in ROLES {
        let (mut ours, mut theirs) = against_library(side, 0);
        let mut incoming = ReadAhead::default();
        for round in 0..200 {
            if rng.u8(..4) == 0 {
                theirs.refresh_traffic_keys().unwrap();
            }
            let length = rng.usize(1..40_000);
            let data = noise(&mut rng, length);
            theirs.writer().write_all(&data).unwrap();
            let arrived = opened(&mut ours, &mut incoming, &sent_by(&mut theirs), 4096);
            assert!(arrived.unwrap() == data, "{side:?} {round}");
            if rng.u8(..8) == 0 {
                ours.owes_update = true;
            }
            let asked = ours.owes_update;
            let wire = sealed(&mut ours, &[&data]);
            assert!(!ours.owes_update, "it is answered before more data");
            // Type, length, and a message of five bytes, sealed.
            assert_eq!(wire.starts_with(&[23, 3, 3, 0, 22]), asked);
            assert!(take(&mut theirs, &wire) == data, "{side:?} {round}");
        }
    }
}

#[test]
fn new_keys_come_long_before_the_old_ones_are_worn_out_and_none_is_used_beyond() {
    let (mut from, mut to) = pair();
    from.sealer = from.sealer.limited(8);
    let mut incoming = ReadAhead::default();
    for sent in 0..4 {
        let wire = sealed(&mut from, &[b"data"]);
        assert!(!wire.starts_with(&[23, 3, 3, 0, 22]), "{sent}");
        assert_eq!(opened(&mut to, &mut incoming, &wire, 99).unwrap(), b"data");
    }
    let wire = sealed(&mut from, &[b"data"]);
    assert!(wire.starts_with(&[23, 3, 3, 0, 22]));
    assert_eq!(opened(&mut to, &mut incoming, &wire, 99).unwrap(), b"data");
    from.sealer = from.sealer.limited(1);
    let mut out = [0; 64];
    let beyond = from
        .sealer
        .seal(record::APPLICATION_DATA, b"data", &mut out);
    assert!(beyond.is_err());
    assert_eq!(out, [0; 64]);
}

#[test]
fn what_must_not_come_after_a_handshake_is_refused_with_the_alert_for_it() {
    use AlertDescription as Alert;
    let unexpected = Some(Alert::UnexpectedMessage);
    let long = vec![0; record::MOST + 200];
    let cases: &[(u8, &[u8], Option<Alert>)] = &[
        (20, &[1], unexpected),
        (24, b"heartbeat", unexpected),
        (99, b"?", unexpected),
        (0, &[], unexpected),
        (0, &[0; 40], unexpected),
        (23, &long, Some(Alert::RecordOverflow)),
        (21, &[], unexpected),
        (21, &[1], Some(Alert::DecodeError)),
        (21, &[1, 0, 1, 0], Some(Alert::DecodeError)),
        (21, &[3, 0], Some(Alert::IllegalParameter)),
        (21, &[2, 40], None),
        (21, &[1, 40], None),
        (21, &[2, 90], None),
        (21, &[2, 222], None),
        (22, &[], unexpected),
        (22, &[1, 0, 0, 0], unexpected),
        (22, &[0, 0, 0, 0], unexpected),
        (22, &[4, 0, 0, 0], unexpected),
        (22, &[13, 0, 0, 0], unexpected),
        (22, &[20, 0, 0, 0], unexpected),
        (22, &[24, 1, 0, 0], Some(Alert::DecodeError)),
        (22, &[24, 0, 0, 0], Some(Alert::DecodeError)),
        (22, &[24, 0, 0, 2, 0, 0], Some(Alert::DecodeError)),
        (22, &[24, 0, 0, 1, 2], Some(Alert::IllegalParameter)),
        (22, &[24, 0, 0, 1, 0, 24], unexpected),
        (22, &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0], unexpected),
    ];
    for (kind, content, alert) in cases {
        let (mut from, mut to) = pair();
        let good = sealed(&mut from, &[b"before"]);
        let mut wire = good.clone();
        wire.extend(record(&mut from, *kind, content));
        let mut incoming = ReadAhead::default();
        feed(&mut incoming, &wire);
        let mut room = [0; 1 << 15];
        let mut buf = ReadBuf::new(&mut room);
        assert_eq!(to.open(&mut incoming, &mut buf), Ok(Opened::Data));
        assert_eq!(buf.filled(), b"before", "what came before is read first");
        assert!(to.has_more(&incoming));
        let refused = to
            .open(&mut incoming, &mut buf)
            .expect_err("this is refused");
        assert_eq!(
            refused.alert,
            *alert,
            "{kind} {:?}",
            &content[..content.len().min(9)]
        );
    }
}

#[test]
fn a_record_that_was_changed_repeated_or_left_out_is_refused() {
    let bad = Some(AlertDescription::BadRecordMac);
    for position in 1..record::HEADER + 4 + 17 {
        let (mut from, mut to) = pair();
        let mut wire = sealed(&mut from, &[b"data"]);
        if [3, 4].contains(&position) {
            continue;
        }
        wire[position] ^= 1;
        assert_eq!(refused(&mut to, &wire), bad, "{position}");
    }
    let (mut from, mut to) = pair();
    let wire = sealed(&mut from, &[b"data"]);
    assert_eq!(refused(&mut to, &wire.repeat(2)), bad);
    let (mut from, mut to) = pair();
    let _lost = sealed(&mut from, &[b"lost"]);
    assert_eq!(refused(&mut to, &sealed(&mut from, &[b"data"])), bad);
    let (_, mut to) = pair();
    assert_eq!(
        refused(&mut to, &[23, 3, 3, 0, 15]),
        bad,
        "shorter than its proof"
    );
}

#[test]
fn what_cannot_be_a_record_is_refused_before_it_is_complete() {
    for kind in [0, 20, 21, 22, 24, b'G'] {
        let (_, mut to) = pair();
        assert_eq!(
            refused(&mut to, &[kind]),
            Some(AlertDescription::UnexpectedMessage)
        );
    }
    let (_, mut to) = pair();
    let too_long = [23, 3, 3, 0x41, 0x01];
    assert_eq!(
        refused(&mut to, &too_long),
        Some(AlertDescription::RecordOverflow)
    );
    let (_, mut to) = pair();
    let longest = [23, 3, 3, 0x41, 0x00];
    assert_eq!(
        opened(&mut to, &mut ReadAhead::default(), &longest, 9),
        Ok(Vec::new())
    );
}

#[test]
fn padding_is_taken_off_and_empty_records_are_borne_for_a_while() {
    let (mut from, mut to) = pair();
    let mut incoming = ReadAhead::default();
    for padding in [0, 1, 1000] {
        let inner = [&b"data"[..], &[23], &vec![0; padding]].concat();
        let wire = record(&mut from, 0, &inner);
        assert_eq!(opened(&mut to, &mut incoming, &wire, 9).unwrap(), b"data");
    }
    for round in 0..2 {
        for _ in 0..MOST_IDLE {
            let wire = record(&mut from, 0, &[23, 0, 0]);
            assert!(
                opened(&mut to, &mut incoming, &wire, 99)
                    .unwrap()
                    .is_empty(),
                "{round}"
            );
        }
        if round == 0 {
            let wire = sealed(&mut from, &[b"data"]);
            assert_eq!(opened(&mut to, &mut incoming, &wire, 99).unwrap(), b"data");
        }
    }
    let one_more = record(&mut from, 23, &[]);
    assert_eq!(
        refused(&mut to, &one_more),
        Some(AlertDescription::UnexpectedMessage)
    );
}

#[test]
fn new_keys_and_warnings_without_end_are_refused() {
    let (mut from, mut to) = pair();
    let mut incoming = ReadAhead::default();
    for _ in 0..MOST_IDLE {
        let mut out = ReadAhead::default();
        from.update(Size::Usual, &mut out).unwrap();
        assert!(
            opened(&mut to, &mut incoming, out.bytes(), 99)
                .unwrap()
                .is_empty()
        );
    }
    let mut out = ReadAhead::default();
    from.update(Size::Usual, &mut out).unwrap();
    assert_eq!(
        refused(&mut to, out.bytes()),
        Some(AlertDescription::UnexpectedMessage)
    );
    let (mut from, mut to) = pair();
    for _ in 0..MOST_WARNINGS {
        let wire = record(&mut from, 21, &[1, 90]);
        assert!(
            opened(&mut to, &mut incoming, &wire, 99)
                .unwrap()
                .is_empty()
        );
    }
    let wire = record(&mut from, 21, &[1, 90]);
    assert_eq!(
        refused(&mut to, &wire),
        Some(AlertDescription::UnexpectedMessage)
    );
}

#[test]
fn a_message_may_be_split_over_records_but_nothing_may_come_between() {
    let (mut client, mut server) = pair();
    let mut incoming = ReadAhead::default();
    for part in [&[4, 0][..], &[0, 5, 1, 2], &[3, 4, 5, 4, 0, 0, 1], &[9]] {
        let wire = record(&mut server, 22, part);
        assert!(
            opened(&mut client, &mut incoming, &wire, 99)
                .unwrap()
                .is_empty()
        );
    }
    let wire = sealed(&mut server, &[b"data"]);
    assert_eq!(
        opened(&mut client, &mut incoming, &wire, 99).unwrap(),
        b"data"
    );
    for (kind, between) in [(23, &b"data"[..]), (23, b""), (21, &[1, 0])] {
        let (mut from, mut to) = pair();
        let mut wire = record(&mut from, 22, &[24, 0]);
        wire.extend(record(&mut from, kind, between));
        assert_eq!(
            refused(&mut to, &wire),
            Some(AlertDescription::UnexpectedMessage)
        );
    }
}

#[test]
fn the_end_is_told_and_what_follows_it_is_ignored() {
    let (mut ours, mut theirs) = against_library(Side::Server, 0);
    let mut out = ReadAhead::default();
    ours.close(&mut out);
    theirs.read_tls(&mut out.bytes()).unwrap();
    assert!(theirs.process_new_packets().unwrap().peer_has_closed());
    theirs.writer().write_all(b"still").unwrap();
    theirs.send_close_notify();
    let mut wire = sent_by(&mut theirs);
    wire.extend(b"junk");
    let mut incoming = ReadAhead::default();
    assert_eq!(
        opened(&mut ours, &mut incoming, &wire, 99).unwrap(),
        b"still"
    );
    assert!(ours.has_more(&incoming) && incoming.is_empty());
    assert!(
        opened(&mut ours, &mut incoming, b"more", 99)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn full_records_fill_the_buffer_that_is_made_for_them() {
    let (mut from, mut to) = pair();
    let data = vec![7; at_once(Size::Usual)];
    let mut incoming = ReadAhead::default();
    feed(&mut incoming, &sealed(&mut from, &[&data]));
    let mut room = vec![0; data.len()];
    let mut buf = ReadBuf::new(&mut room);
    assert_eq!(to.open(&mut incoming, &mut buf), Ok(Opened::Data));
    assert_eq!(buf.filled().len(), data.len());
    assert!(incoming.is_empty());
}

#[test]
fn an_alert_of_ours_is_understood() {
    let (mut ours, mut theirs) = against_library(Side::Client, 0);
    let mut out = ReadAhead::default();
    ours.fail(AlertDescription::BadRecordMac, &mut out);
    theirs.read_tls(&mut out.bytes()).unwrap();
    let told = theirs.process_new_packets().unwrap_err();
    assert_eq!(told, Error::AlertReceived(AlertDescription::BadRecordMac));
}

#[test]
fn secrets_are_in_no_debug_output() {
    let (ours, _) = pair();
    let text = format!("{ours:?}");
    assert!(
        text.contains("LessSafeKey") && text.contains("iv: …"),
        "{text}"
    );
    assert!(text.contains("keys: Client"), "{text}");
}

#[test]
fn what_fuzzing_begins_with_holds() {
    for seed in fuzz::SEEDS {
        fuzz::records(seed);
    }
}
