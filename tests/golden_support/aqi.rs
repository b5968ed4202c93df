//! `aqi`: cluster indices, their combinations, pooling of layers.

use serde_json::{Value, json};
use trueline_core::scoring::score::separation::{
    LayerWeights, indices, percentile_quality, pool_layers, quality,
};

use super::json::{list_to_json, number, numbers, rows, to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    name: "aqi",
    run,
    widths: &[Width::F64],
    sets: &[],
    left_out: &[],
    tolerance_of: &[],
    rel_of_largest: &[],
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    match case.op() {
        "indices" => {
            let (points, _, dim) = rows(case.input("points"))?;
            let labels = case.input("labels").as_array().into_iter().flatten();
            let labels: Vec<i64> = labels.filter_map(Value::as_i64).collect();
            let raw = indices(&points, dim, &labels)?;
            let found = quality(&raw, number(case.input("gamma"))?)?;
            Ok(json!({
                "davies_bouldin": raw.davies_bouldin,
                "dunn": raw.dunn,
                "calinski_harabasz": to_json(raw.calinski_harabasz),
                "silhouette": raw.silhouette,
                "xie_beni": to_json(raw.xie_beni),
                "dbs_norm": found.dbs_norm,
                "di_norm": found.di_norm,
                "ss_norm": found.ss_norm,
                "chi_norm": found.chi_norm,
                "xb_norm": found.xb_norm,
                "aqi_dbs_di": found.aqi_dbs_di,
                "aqi_ss_chi": found.aqi_ss_chi,
                "aqi_ss_xb": found.aqi_ss_xb,
            }))
        }
        "percentile_aqi" => {
            let (chi, xb) = (numbers(case.input("chi"))?, numbers(case.input("xb"))?);
            let groups: Value = percentile_quality(&chi, &xb, number(case.input("gamma"))?)?
                .iter()
                .map(|g| json!({ "chi_norm": g.chi_norm, "xb_norm": g.xb_norm, "aqi": g.aqi }))
                .collect();
            Ok(json!({ "groups": groups }))
        }
        "layer_pool" => {
            let (hidden, ..) = rows(case.input("hidden_layers"))?;
            let logits = numbers(case.input("layer_logits"))?;
            let (sparse, sparse_pooled) = pool_layers(&hidden, &logits, LayerWeights::Sparsemax)?;
            let (soft, soft_pooled) = pool_layers(&hidden, &logits, LayerWeights::Softmax)?;
            let (_, mean_pooled) = pool_layers(&hidden, &logits, LayerWeights::Mean)?;
            Ok(json!({
                "sparsemax_weights": list_to_json(&sparse),
                "sparsemax_pooled": list_to_json(&sparse_pooled),
                "softmax_weights": list_to_json(&soft),
                "softmax_pooled": list_to_json(&soft_pooled),
                "mean_pooled": list_to_json(&mean_pooled),
            }))
        }
        _ => Err(case.unknown_op()),
    }
}
