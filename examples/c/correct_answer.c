/* Corrects an answer before it is shown: a corrector, and an inspector that judges what it did.
 *
 *   correct_answer CORRECTOR INSPECTOR QUESTION ANSWER
 *
 * Prints the answer as it may be shown; on standard error, what was done. An answer that no correction helps is not printed.
 */
#include <stdio.h>
#include <string.h>

#include "trueline.h"

static int failed(const char *what, tl_status status) {
  fprintf(stderr, "correct_answer: %s: %s: %s\n", what, tl_status_name(status), tl_last_error());
  return 1;
}

static int correct(tl_session *session, tl_correction *correction, const char *question, const char *answer) {
  size_t size = 0, n_edits = 0;
  tl_status status =
      tl_session_correct(session, NULL, question, strlen(question), answer, strlen(answer), correction);
  const char *text = tl_correction_text(correction, &size);
  if (status != TL_OK) return failed("correct", status);
  tl_correction_edits(correction, &n_edits);
  fprintf(stderr, "%s, %zu edits, %.2f of the words kept\n", tl_correction_reason(correction), n_edits,
          tl_correction_copy_ratio(correction));
  if (!tl_correction_accepted(correction)) return 1;
  printf("%.*s\n", (int)size, text);
  return 0;
}

int main(int argc, char **argv) {
  tl_pack *packs[2] = {NULL, NULL};
  tl_engine *engine = NULL;
  tl_session *session = NULL;
  tl_correction *correction = NULL;
  tl_status status = TL_OK;
  int result = 1;
  if (argc != 5) {
    fprintf(stderr, "usage: correct_answer CORRECTOR INSPECTOR QUESTION ANSWER\n");
    return 2;
  }
  status = tl_pack_open(argv[1], &packs[0]);
  if (status == TL_OK) status = tl_pack_open(argv[2], &packs[1]);
  if (status == TL_OK) status = tl_engine_create(NULL, (const tl_pack *const *)packs, 2, &engine);
  if (status == TL_OK) status = tl_session_create(engine, tl_pack_name(packs[0]), &session);
  if (status == TL_OK) status = tl_correction_create(&correction);
  result = status == TL_OK ? correct(session, correction, argv[3], argv[4]) : failed("start", status);
  tl_correction_destroy(correction);
  tl_session_destroy(session);
  tl_engine_destroy(engine);
  tl_pack_destroy(packs[0]);
  tl_pack_destroy(packs[1]);
  return result;
}
