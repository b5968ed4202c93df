/* One engine, several threads: each with its own session gets the same scores; a session in use is refused; a call that
 * runs is ended from another thread.
 *
 *   threads PACK_FOLDER
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"

enum { THREADS = 4, CALLS = 8, LONG = 1000000 };

static const struct timespec pause = {0, 1000000};

static const char text[] = "Could you explain how photosynthesis works, in two sentences?";

struct work {
  const tl_engine *engine;
  tl_status status;
  float risk[CALLS];
};

static void *judge(void *argument) {
  struct work *work = argument;
  tl_session *session = NULL;
  tl_result *result = NULL;
  work->status = tl_session_create(work->engine, NULL, &session);
  if (work->status == TL_OK) work->status = tl_result_create(&result);
  for (int i = 0; i < CALLS && work->status == TL_OK; i++) {
    work->status = tl_session_guard(session, NULL, text, sizeof text - 1, result);
    work->risk[i] = tl_result_risk(result, 0);
  }
  tl_result_destroy(result);
  tl_session_destroy(session);
  return NULL;
}

struct running {
  tl_session *session;
  tl_cancel *cancel;
  const char *text;
  tl_status status;
};

static void *run_long(void *argument) {
  struct running *running = argument;
  tl_guard_options options = TL_GUARD_OPTIONS_INIT;
  tl_result *result = NULL;
  options.cancel = running->cancel;
  running->status = tl_result_create(&result);
  if (running->status == TL_OK) {
    do { /* until the other thread's short call lets go of the session */
      running->status = tl_session_guard(running->session, &options, running->text, LONG, result);
      nanosleep(&pause, NULL);
    } while (running->status == TL_ERR_INVALID_ARGUMENT);
  }
  tl_result_destroy(result);
  return NULL;
}

static void cancel_a_running_call(const tl_engine *engine) {
  struct running running = {NULL, NULL, NULL, TL_OK};
  tl_result *result = NULL;
  pthread_t thread;
  tl_status status = TL_OK;
  char *words = malloc(LONG);
  CHECK(words != NULL);
  if (words == NULL) return;
  for (size_t i = 0; i < LONG; i++) words[i] = i % 5 == 4 ? ' ' : 'a';
  running.text = words;
  CHECK(tl_session_create(engine, NULL, &running.session) == TL_OK);
  CHECK(tl_cancel_create(&running.cancel) == TL_OK);
  CHECK(tl_result_create(&result) == TL_OK);
  CHECK(pthread_create(&thread, NULL, run_long, &running) == 0);
  /* The long call would take many seconds, so that some call here meets the session in use. */
  while (status == TL_OK) {
    status = tl_session_guard(running.session, NULL, text, sizeof text - 1, result);
    nanosleep(&pause, NULL); /* the session is free meanwhile, for the other thread to take */
  }
  CHECK(status == TL_ERR_INVALID_ARGUMENT && strstr(tl_last_error(), "another thread") != NULL);
  CHECK(tl_cancel_set(running.cancel) == TL_OK);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(running.status == TL_ERR_CANCELLED);
  CHECK(tl_session_guard(running.session, NULL, text, sizeof text - 1, result) == TL_OK);
  tl_result_destroy(result);
  tl_cancel_destroy(running.cancel);
  tl_session_destroy(running.session);
  free(words);
}

int main(int argc, char **argv) {
  static struct work works[THREADS];
  pthread_t threads[THREADS];
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  if (argc != 2) return 2;
  CHECK(tl_pack_open(argv[1], &pack) == TL_OK);
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine) == TL_OK);
  tl_pack_destroy(pack);
  for (int i = 0; i < THREADS; i++) {
    works[i].engine = engine;
    CHECK(pthread_create(&threads[i], NULL, judge, &works[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (int i = 0; i < THREADS; i++) {
    CHECK(works[i].status == TL_OK);
    for (int call = 0; call < CALLS; call++) CHECK(works[i].risk[call] == works[0].risk[0]);
  }
  cancel_a_running_call(engine);
  tl_engine_destroy(engine);
  return check_end("threads");
}
