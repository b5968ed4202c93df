//! Says which instruction sets the kernels' tests ran on, because one that was skipped looks like one that passed.
//!
//! `TRUELINE_EXPECT_ISAS`, a comma-separated list of names, makes a missing one a failure; continuous integration sets it
//! on native and emulated machines. It stands in this package, not at the root, so that an emulated run builds little.

use std::io::Write;

use trueline_kernels::Isa;

#[test]
fn expected_instruction_sets_are_available() {
    let names: Vec<&str> = Isa::available().map(Isa::name).collect();
    // Not `println!`, which the test runner swallows when a test passes.
    writeln!(std::io::stdout(), "ISAs run: {}", names.join(" ")).expect("standard output takes a line");
    let expected = std::env::var("TRUELINE_EXPECT_ISAS").unwrap_or_default();
    for name in expected.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if let Err(error) = Isa::from_name(name) {
            panic!("TRUELINE_EXPECT_ISAS names {name}: {error}");
        }
    }
}
