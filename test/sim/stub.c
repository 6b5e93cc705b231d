#include "sim/trial.h"
void trials_data(struct trials *l){(void)l;}
void trials_attack(struct trials *l){(void)l;}
void trials_random(struct trials *list, uint64_t first, unsigned count){(void)list;(void)first;(void)count;}
