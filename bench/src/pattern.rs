//! Bytes of which every receiver knows what comes next, so that a byte lost, doubled or changed is seen.

use std::sync::OnceLock;

/// A prime, so that no buffer size hides a shift.
const PERIOD: usize = 251;
/// The longest run of bytes that is looked at in one piece.
pub(crate) const LONGEST: usize = 256 * 1024;

/// `length` bytes, at most [`LONGEST`], from `position` of the endless pattern on.
pub(crate) fn from(position: u64, length: usize) -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| {
        (0..LONGEST + PERIOD)
            .map(|at| b' ' + (at % PERIOD % 90) as u8)
            .collect()
    });
    let start = (position % PERIOD as u64) as usize;
    &bytes[start..start + length]
}
