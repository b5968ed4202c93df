// trueline_align.hpp: scorers of aligners on a host's numbers; no pack is needed. Include trueline.hpp; trueline.h says what
// each call does. Matrices are row-major; lengths that must agree are checked.
#ifndef TRUELINE_ALIGN_HPP
#define TRUELINE_ALIGN_HPP

#include "trueline.hpp"

namespace trueline {

using Links = std::vector<tl_link>;
using Matrix = View<const double>;
// Vectors of so many numbers each, one after the other.
using Vectors = View<const float>;

// Memory for links and beads, which every function below takes: keep one and reuse it.
class Alignment {
 public:
  Alignment() {
    tl_alignment *alignment = nullptr;
    detail::check(tl_alignment_create(&alignment));
    alignment_.reset(alignment);
  }
  tl_alignment *get() const noexcept { return alignment_.get(); }
  Links links() const {
    std::size_t n = 0;
    const tl_link *links = tl_alignment_links(alignment_.get(), &n);
    return Links(links, links + n);
  }
  std::vector<tl_bead> beads() const {
    std::size_t n = 0;
    const tl_bead *beads = tl_alignment_beads(alignment_.get(), &n);
    return std::vector<tl_bead>(beads, beads + n);
  }

 private:
  detail::Handle<tl_alignment, tl_alignment_destroy> alignment_;
};

// Links from a matrix of similarities.
inline Links align_matrix(Matrix similarity, std::size_t n_target, const tl_align_options *options = nullptr) {
  const std::size_t n_source = similarity.rows(n_target, "similarities");
  const Alignment out;
  detail::check(tl_align_matrix(options, similarity.data(), n_source, n_target, out.get()));
  return out.links();
}

// Links from the vectors of both sides.
inline Links align_vectors(Vectors source, Vectors target, std::size_t dim, const tl_align_options *options = nullptr) {
  const Alignment out;
  detail::check(tl_align_vectors(options, source.data(), source.rows(dim, "numbers of source vectors"), target.data(),
                                 target.rows(dim, "numbers of target vectors"), dim, out.get()));
  return out.links();
}

// Links from scores of any kind.
inline Links align_extract(Matrix scores, std::size_t n_target, const tl_extract_options *options = nullptr) {
  const std::size_t n_source = scores.rows(n_target, "scores");
  const Alignment out;
  detail::check(tl_align_extract(options, scores.data(), n_source, n_target, out.get()));
  return out.links();
}

// Mask-Align: links where the weights of two directions agree.
inline Links align_agreement(Matrix forward, Matrix backward, std::size_t n_target, double threshold) {
  const std::size_t n_source = forward.rows(n_target, "forward weights");
  detail::same(backward.size(), forward.size(), "backward weights");
  const Alignment out;
  detail::check(tl_align_agreement(forward.data(), backward.data(), n_source, n_target, threshold, out.get()));
  return out.links();
}

// The links of two directions, joined.
inline Links symmetrize(std::uint32_t method, std::uint32_t order, View<const tl_link> forward, View<const tl_link> reverse,
                        std::size_t n_source, std::size_t n_target) {
  const Alignment out;
  detail::check(tl_align_symmetrize(method, order, forward.data(), forward.size(), reverse.data(), reverse.size(), n_source,
                                    n_target, out.get()));
  return out.links();
}

// One sentence pair: what was found, and gold links. The links outlive the call.
inline tl_scored_pair scored_pair(View<const tl_link> found, View<const tl_link> sure, View<const tl_link> possible,
                                  std::size_t n_source = 0, std::size_t n_target = 0) {
  tl_scored_pair out = {};
  out.hypothesis = found.data();
  out.n_hypothesis = found.size();
  out.sure = sure.data();
  out.n_sure = sure.size();
  out.possible = possible.data();
  out.n_possible = possible.size();
  out.n_source = n_source;
  out.n_target = n_target;
  return out;
}

// Precision, recall, F1 and alignment error rate of a corpus.
inline tl_link_scores score_links(View<const tl_scored_pair> pairs) {
  tl_link_scores out;
  detail::check(tl_links_score(pairs.data(), pairs.size(), &out));
  return out;
}

// Scores that count words without a link, too (OTAlign).
struct SharesWithNull {
  tl_link_shares links;
  tl_link_shares null;
  tl_link_shares total;
};

inline SharesWithNull score_links_with_null(View<const tl_scored_pair> pairs) {
  SharesWithNull out;
  detail::check(tl_links_score_with_null(pairs.data(), pairs.size(), &out.links, &out.null, &out.total));
  return out;
}

// A matrix that a solver made, and its cost.
struct Plan {
  std::vector<double> plan;
  double cost = 0;
};

// The plan of least cost between two sides. Without masses each counts 1.
inline Plan transport_plan(Matrix cost, std::size_t n_target, const tl_transport_options *options = nullptr,
                           View<const double> source_mass = {}, View<const double> target_mass = {}) {
  const std::size_t n_source = cost.rows(n_target, "costs");
  if (source_mass.data() != nullptr) detail::same(source_mass.size(), n_source, "source masses");
  if (target_mass.data() != nullptr) detail::same(target_mass.size(), n_target, "target masses");
  Plan out;
  out.plan.resize(cost.size());
  detail::check(tl_transport_plan(options, cost.data(), n_source, n_target, source_mass.data(), target_mass.data(),
                                  out.plan.data(), &out.cost));
  return out;
}

// A soft permutation of a square of scores, without noise.
inline std::vector<double> soft_permutation(Matrix scores, std::size_t n, double temperature, std::uint32_t rounds = 20) {
  detail::same(scores.rows(n, "scores"), n, "rows of scores");
  std::vector<double> out(scores.size());
  detail::check(tl_soft_permutation(scores.data(), n, temperature, rounds, nullptr, 0, out.data()));
  return out;
}

// Translations among unordered sentences, with their margins.
inline Links mine(Vectors source, Vectors target, std::size_t dim, const tl_mining_options *options = nullptr) {
  const Alignment out;
  detail::check(tl_mine_vectors(options, source.data(), source.rows(dim, "numbers of source vectors"), target.data(),
                                target.rows(dim, "numbers of target vectors"), dim, out.get()));
  return out.links();
}

// The nearest target of every source vector (CSLS).
inline std::vector<std::size_t> retrieve(Vectors source, Vectors target, std::size_t dim, std::uint32_t neighbours = 0) {
  std::vector<std::size_t> out(source.rows(dim, "numbers of source vectors"));
  detail::check(tl_retrieve_vectors(source.data(), out.size(), target.data(), target.rows(dim, "numbers of target vectors"),
                                    dim, neighbours, out.data(), nullptr));
  return out;
}

// The orthogonal map of one set of vectors to the other; `residual` gets what is left.
inline std::vector<double> procrustes(Matrix source, Matrix target, std::size_t dim, double *residual = nullptr) {
  detail::same(target.size(), source.size(), "numbers of target vectors");
  const std::size_t n = source.rows(dim, "numbers of source vectors");
  std::vector<double> out(dim * dim);
  detail::check(tl_procrustes(source.data(), target.data(), n, dim, out.data(), residual));
  return out;
}

// The sentences of two documents, in order, from the vectors of their runs: `n_layer` layers of each side.
inline std::vector<tl_bead> align_sentence_vectors(Vectors source, Vectors target, std::size_t n_layer, std::size_t dim,
                                                   const tl_bead_options *options = nullptr,
                                                   View<const std::size_t> source_bytes = {},
                                                   View<const std::size_t> target_bytes = {}) {
  const std::size_t runs = source.rows(dim, "numbers of source vectors"), others = target.rows(dim, "numbers of target vectors");
  const std::size_t layers = n_layer == 0 ? 1 : n_layer;
  const std::size_t n_source = runs / layers, n_target = others / layers;
  detail::same(runs, n_source * layers, "source vectors");
  detail::same(others, n_target * layers, "target vectors");
  if (source_bytes.data() != nullptr) detail::same(source_bytes.size(), runs, "lengths of the source");
  if (target_bytes.data() != nullptr) detail::same(target_bytes.size(), others, "lengths of the target");
  const Alignment out;
  detail::check(tl_align_sentence_vectors(options, source.data(), n_source, target.data(), n_target, n_layer, dim,
                                          source_bytes.data(), target_bytes.data(), out.get()));
  return out.beads();
}

// Pairs of documents, from the vectors of their sentences and how many sentences each has.
inline Links align_document_vectors(Vectors source, View<const std::size_t> source_counts, Vectors target,
                                    View<const std::size_t> target_counts, std::size_t dim, std::uint32_t neighbours = 0) {
  const auto all = [](View<const std::size_t> counts) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) sum += counts.data()[i];
    return sum;
  };
  detail::same(source.rows(dim, "numbers of source vectors"), all(source_counts), "source sentences");
  detail::same(target.rows(dim, "numbers of target vectors"), all(target_counts), "target sentences");
  const Alignment out;
  detail::check(tl_align_document_vectors(source.data(), source_counts.data(), source_counts.size(), target.data(),
                                          target_counts.data(), target_counts.size(), dim, neighbours, out.get()));
  return out.links();
}

// PORTIA: how many sentences lie before each cut of one answer.
inline std::vector<std::size_t> split_by_length(View<const std::size_t> lengths, std::size_t n_segments) {
  if (n_segments > lengths.size()) detail::same(n_segments, lengths.size(), "segments, more than sentences");
  std::vector<std::size_t> out(n_segments > 0 ? n_segments - 1 : 0);
  detail::check(tl_split_by_length(lengths.data(), lengths.size(), n_segments, out.data()));
  return out;
}

// The cuts of two answers into segments that are alike by their words, and how alike.
struct Cuts {
  std::vector<std::size_t> a, b;
  double similarity = 0;
};

inline Cuts split_answers(const std::vector<std::string_view> &a, const std::vector<std::string_view> &b,
                          std::size_t n_segments) {
  const std::size_t most = a.size() < b.size() ? a.size() : b.size();
  if (n_segments > most) detail::same(n_segments, most, "segments, more than sentences");
  const std::vector<tl_text> of_a = detail::texts(a), of_b = detail::texts(b);
  Cuts out;
  out.a.resize(n_segments > 0 ? n_segments - 1 : 0);
  out.b.resize(out.a.size());
  detail::check(tl_split_answers(of_a.data(), of_a.size(), of_b.data(), of_b.size(), n_segments, nullptr, nullptr,
                                 out.a.data(), out.b.data(), &out.similarity));
  return out;
}

// The least cost of turning one small graph into the other.
inline double graph_edit_distance(View<const tl_edge> query, std::size_t n_query, View<const tl_edge> corpus,
                                  std::size_t n_corpus, const tl_graph_costs &costs) {
  double out = 0;
  detail::check(tl_graph_edit_distance(query.data(), query.size(), n_query, corpus.data(), corpus.size(), n_corpus, &costs,
                                       &out));
  return out;
}

}  // namespace trueline

#endif  // TRUELINE_ALIGN_HPP
