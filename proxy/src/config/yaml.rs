//! Reads YAML (and so JSON) of any size.

use serde_json::Value;

/// Reads one document. The file may be as large as its owner made it; what aliases make of it stays bounded.
///
/// # Errors
/// When it is not YAML; the text names line and column.
pub(super) fn read(text: &str) -> Result<Value, String> {
    // Without aliases a text has no more nodes than bytes, and each makes two events at most.
    let size = text.len().max(1 << 18);
    let budget = serde_saphyr::budget! {
        max_nodes: size,
        max_events: size.saturating_mul(2),
        max_total_scalar_bytes: size.max(1 << 26),
    };
    let options = serde_saphyr::options! { budget: budget };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_read_and_a_bomb_of_aliases_is_not() {
        let large = "- {name: a}\n".repeat(200_000);
        assert_eq!(read(&large).unwrap().as_array().unwrap().len(), 200_000);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(read(&bomb).is_err());
    }
}
