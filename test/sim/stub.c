#include "sim/trial.h"
void trials_connect(struct trials *l){(void)l;}
void trials_meet(struct trials *l){(void)l;}
void trials_loss(struct trials *l){(void)l;}
void trials_restart(struct trials *l){(void)l;}
void trials_data(struct trials *l){(void)l;}
void trials_attack(struct trials *l){(void)l;}
void trials_random(struct trials *list, uint64_t first, unsigned count){(void)list;(void)first;(void)count;}
