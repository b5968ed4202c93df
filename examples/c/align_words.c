/* Aligns the words of a sentence and its translation.
 *
 *   align_words PACK SOURCE TARGET
 */
#include <stdio.h>
#include <string.h>

#include "trueline.h"

static int failed(const char *what, tl_status status) {
  fprintf(stderr, "align_words: %s: %s: %s\n", what, tl_status_name(status), tl_last_error());
  return 1;
}

static int align(tl_session *session, tl_alignment *alignment, const char *source, const char *target) {
  size_t n_links = 0, n = 0;
  tl_status status =
      tl_session_align_words(session, NULL, source, strlen(source), target, strlen(target), alignment);
  const tl_link *links = tl_alignment_links(alignment, &n_links);
  const tl_range *from = tl_alignment_source_words(alignment, &n);
  const tl_range *to = tl_alignment_target_words(alignment, &n);
  if (status != TL_OK) return failed("align", status);
  for (size_t i = 0; i < n_links; i++) {
    const tl_range *a = &from[links[i].source], *b = &to[links[i].target];
    printf("%.*s\t%.*s\t%.3f\n", (int)(a->end - a->start), source + a->start, (int)(b->end - b->start),
           target + b->start, (double)links[i].score);
  }
  return 0;
}

int main(int argc, char **argv) {
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_session *session = NULL;
  tl_alignment *alignment = NULL;
  tl_status status = TL_OK;
  int result = 1;
  if (argc != 4) {
    fprintf(stderr, "usage: align_words PACK SOURCE TARGET\n");
    return 2;
  }
  status = tl_pack_open(argv[1], &pack);
  if (status == TL_OK) status = tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine);
  if (status == TL_OK) status = tl_session_create(engine, NULL, &session);
  if (status == TL_OK) status = tl_alignment_create(&alignment);
  result = status == TL_OK ? align(session, alignment, argv[2], argv[3]) : failed("start", status);
  tl_alignment_destroy(alignment);
  tl_session_destroy(session);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  return result;
}
