//! The bodies of the fuzz targets, fed with a bounded number of random bytes. `fuzz/` feeds them without
//! end.
#![allow(clippy::unwrap_used)]

mod bodies;

use proptest::prelude::*;

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(200))]
    #[test]
    fn loader(data in bytes(200)) {
        bodies::loader(&data);
    }
}

proptest! {
    #![proptest_config(cases(2_000))]
    #[test]
    fn arguments(data in bytes(120)) {
        bodies::arguments(&data);
    }
}

proptest! {
    #![proptest_config(cases(150))]
    #[test]
    fn calls(data in bytes(400)) {
        bodies::calls(&data);
    }
}

proptest! {
    #![proptest_config(cases(600))]
    #[test]
    fn snapshot(data in bytes(120)) {
        bodies::snapshot(&data);
    }
}
