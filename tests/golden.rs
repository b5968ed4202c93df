//! Every algorithm against cases that its reference made.
//!
//! Reads the folder named by `TRUELINE_GOLDEN`, or `tests/golden`. A file is known by its `algorithm`, so that a
//! folder may hold several files of one. Fails on an algorithm that nothing here runs if `TRUELINE_GOLDEN_STRICT`
//! is 1; lists it as skipped otherwise.

mod golden_support;

use golden_support::{Algorithm, folder, say};

const ALGORITHMS: [Algorithm; 46] = [
    golden_support::text_normalise::ALGORITHM,
    golden_support::windowed_moderation::ALGORITHM,
    golden_support::calibration::ALGORITHM,
    golden_support::entropy::ALGORITHM,
    golden_support::dera::ALGORITHM,
    golden_support::simalign_matching::ALGORITHM,
    golden_support::awesome_align::ALGORITHM,
    golden_support::entmax::ALGORITHM,
    golden_support::symmetrize::ALGORITHM,
    golden_support::alignment_metrics::ALGORITHM,
    golden_support::saer::ALGORITHM,
    golden_support::simalign_null::ALGORITHM,
    golden_support::leverage_extract::ALGORITHM,
    golden_support::xlm_align_sinkhorn::ALGORITHM,
    golden_support::binaryalign::ALGORITHM,
    golden_support::ot_solvers::ALGORITHM,
    golden_support::simalign_end_to_end::ALGORITHM,
    golden_support::watermark_kgw::ALGORITHM,
    golden_support::watermark_gumbel::ALGORITHM,
    golden_support::best_of_n::ALGORITHM,
    golden_support::reward_guided_step::ALGORITHM,
    golden_support::cards::ALGORITHM,
    golden_support::preference::ALGORITHM,
    golden_support::preference_vectors::ALGORITHM,
    golden_support::token_alignment::ALGORITHM,
    golden_support::deal_search::ALGORITHM,
    golden_support::margin_mining::ALGORITHM,
    golden_support::tracealign_bci::ALGORITHM,
    golden_support::aqi::ALGORITHM,
    golden_support::bhattacharyya::ALGORITHM,
    golden_support::otalign::ALGORITHM,
    golden_support::mask_align::ALGORITHM,
    golden_support::csls_procrustes::ALGORITHM,
    golden_support::speech_contributions::ALGORITHM,
    golden_support::dac::ALGORITHM,
    golden_support::portia_split::ALGORITHM,
    golden_support::vecalign::ALGORITHM,
    golden_support::bertalign::ALGORITHM,
    golden_support::gumbel_sinkhorn::ALGORITHM,
    golden_support::graphedx_distance::ALGORITHM,
    golden_support::exact_ged_small::ALGORITHM,
    golden_support::correction_prompts::ALGORITHM,
    golden_support::aligner_squad::ALGORITHM,
    golden_support::diffpo_jacobi::ALGORITHM,
    golden_support::fast_align::ALGORITHM,
    golden_support::giza_model1_hmm::ALGORITHM,
];

macro_rules! one_test_per_algorithm {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            golden_support::$name::ALGORITHM.check();
        })*

        #[test]
        fn every_algorithm_has_a_test() {
            let mut tested = [$(stringify!($name)),*];
            let mut listed = ALGORITHMS.map(|algorithm| algorithm.name);
            tested.sort_unstable();
            listed.sort_unstable();
            assert_eq!(tested, listed);
        }
    };
}

one_test_per_algorithm! {
    text_normalise windowed_moderation calibration entropy dera simalign_matching awesome_align entmax symmetrize
    alignment_metrics saer
    simalign_null leverage_extract xlm_align_sinkhorn binaryalign ot_solvers
    simalign_end_to_end
    watermark_kgw watermark_gumbel best_of_n reward_guided_step cards preference
    preference_vectors token_alignment deal_search margin_mining
    tracealign_bci aqi bhattacharyya otalign
    mask_align csls_procrustes
    speech_contributions dac portia_split
    vecalign
    bertalign
    gumbel_sinkhorn graphedx_distance exact_ged_small
    correction_prompts aligner_squad diffpo_jacobi
    fast_align giza_model1_hmm
}

#[test]
fn every_file_is_known() {
    let known = |name: &str| ALGORITHMS.iter().any(|algorithm| algorithm.name == name);
    let unknown: Vec<_> = folder().iter().filter(|file| !known(&file.algorithm)).collect();
    for file in &unknown {
        let (algorithm, n_cases) = (&file.algorithm, file.cases.len());
        say(&format!("{algorithm}: skipped, {n_cases} cases that nothing here runs"));
    }
    let strict = std::env::var_os("TRUELINE_GOLDEN_STRICT").is_some_and(|value| value == "1");
    assert!(!strict || unknown.is_empty(), "{} files of algorithms that nothing here runs", unknown.len());
}
