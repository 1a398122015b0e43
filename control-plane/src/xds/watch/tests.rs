use super::*;
use bytes::Bytes;

fn update(sizes: &[usize]) -> Update {
    let resource = |(number, size): (usize, &usize)| {
        Arc::new(Resource {
            kind: ResourceKind::Cluster,
            name: number.to_string().into(),
            version: 1,
            any: Bytes::from(vec![0; *size]),
        })
    };
    Update {
        resources: sizes.iter().enumerate().map(resource).collect(),
        removed: vec!["gone".into()],
        version: 7,
        ..Update::default()
    }
}

#[test]
fn a_large_response_goes_in_parts_of_bounded_size_and_nothing_is_lost() {
    let parts = update(&[40, 40, 40, 200, 1]).parts_of(100);
    let names = |part: &Update| -> Vec<String> {
        part.resources.iter().map(|r| r.name.to_string()).collect()
    };
    let all: Vec<_> = parts.iter().map(names).collect();
    assert_eq!(all, [vec!["0", "1"], vec!["2"], vec!["3"], vec!["4"]]);
    let removed: Vec<_> = parts.iter().map(|part| part.removed.len()).collect();
    assert_eq!(removed, [0, 0, 0, 1]);
    assert!(parts.iter().all(|part| part.version == 7));
    assert_eq!(
        update(&[]).parts_of(100).len(),
        1,
        "removals alone are a response"
    );
}

#[test]
fn a_response_of_which_one_part_is_refused_is_refused() {
    let mut watch = Watch::new(ResourceKind::Cluster);
    let parts = watch.sent(update(&[60, 60, 60]).parts_of(100));
    let nonces: Vec<_> = parts
        .iter()
        .map(|(nonce, _)| format!("{nonce:x}"))
        .collect();
    watch.settle(&nonces[0], None);
    watch.settle(&nonces[1], Some("no"));
    watch.settle(&nonces[2], None);
    assert!(watch.status.rejected.is_some() && !watch.is_settled());
    let again = watch.sent(update(&[60]).parts_of(100));
    watch.settle(&format!("{:x}", again[0].0), None);
    assert!(watch.status.rejected.is_none() && watch.is_settled());
}
