//! Overlaying one container by another, as Kubernetes merges them: lists with a key item by item, other lists as a whole.

use serde_json::Value;

/// Lists of a container whose items have an identity, and the field that is it.
const KEYED: [(&str, &str); 4] = [
    ("env", "name"),
    ("ports", "containerPort"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
];

/// Writes `above` over `below`; a null takes the field away.
pub(super) fn overlay(below: &mut Value, above: &Value) {
    let (Some(target), Some(fields)) = (below.as_object_mut(), above.as_object()) else {
        *below = above.clone();
        return;
    };
    for (field, value) in fields {
        let key = KEYED
            .iter()
            .find(|(list, _)| list == field)
            .map(|(_, key)| *key);
        match (target.get_mut(field), key) {
            (_, _) if value.is_null() => {
                target.remove(field);
            }
            (Some(present), Some(key)) => overlay_items(present, value, key),
            (Some(present), None) => overlay(present, value),
            (None, _) => {
                target.insert(field.clone(), value.clone());
            }
        }
    }
}

fn overlay_items(below: &mut Value, above: &Value, key: &str) {
    let (Some(items), Some(wishes)) = (below.as_array_mut(), above.as_array()) else {
        *below = above.clone();
        return;
    };
    for wish in wishes {
        match items.iter_mut().find(|item| item[key] == wish[key]) {
            // A variable has one source: a value must not stay beside a valueFrom.
            Some(item) if key == "name" => *item = wish.clone(),
            Some(item) => overlay(item, wish),
            None => items.push(wish.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keyed_lists_merge_other_lists_replace_and_null_removes() {
        let mut container = json!({
            "args": ["a"], "env": [{"name": "A", "valueFrom": {}}, {"name": "B", "value": "b"}],
            "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}, "lifecycle": {},
        });
        let wish = json!({
            "args": ["x", "y"], "env": [{"name": "A", "value": "a"}, {"name": "C", "value": "c"}],
            "resources": {"limits": {"cpu": "1"}}, "lifecycle": null, "tty": true,
        });
        overlay(&mut container, &wish);
        let expected = json!({
            "args": ["x", "y"],
            "env": [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}, {"name": "C", "value": "c"}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}, "tty": true,
        });
        assert_eq!(container, expected);
    }
}
