#ifndef CNIfTI_H
#define CNIfTI_H
#endif
