"""The neuron models of NEST, with NEST's names, defaults, units and order of a step."""

from ._nest_neuron import NestNeuron as NestNeuron
from .aeif import aeif_cond_alpha as aeif_cond_alpha
from .aeif import aeif_cond_alpha_multisynapse as aeif_cond_alpha_multisynapse
from .aeif import aeif_cond_beta_multisynapse as aeif_cond_beta_multisynapse
from .aeif import aeif_cond_exp as aeif_cond_exp
from .aeif import aeif_psc_alpha as aeif_psc_alpha
from .aeif import aeif_psc_exp as aeif_psc_exp
from .gif import gif_cond_exp as gif_cond_exp
from .gif import gif_psc_exp as gif_psc_exp
from .gif import gif_psc_exp_multisynapse as gif_psc_exp_multisynapse
from .hh import hh_cond_exp_traub as hh_cond_exp_traub
from .hh import hh_psc_alpha as hh_psc_alpha
from .iaf_cond import iaf_cond_alpha as iaf_cond_alpha
from .iaf_cond import iaf_cond_beta as iaf_cond_beta
from .iaf_cond import iaf_cond_exp as iaf_cond_exp
from .iaf_cond import iaf_cond_exp_sfa_rr as iaf_cond_exp_sfa_rr
from .iaf_psc_alpha import iaf_psc_alpha as iaf_psc_alpha
from .iaf_psc_alpha import iaf_psc_alpha_multisynapse as iaf_psc_alpha_multisynapse
from .iaf_psc_delta import iaf_psc_delta as iaf_psc_delta
from .iaf_psc_exp import iaf_psc_exp as iaf_psc_exp
from .iaf_psc_exp import iaf_psc_exp_multisynapse as iaf_psc_exp_multisynapse
from .izhikevich import izhikevich as izhikevich
from .mat import amat2_psc_exp as amat2_psc_exp
from .mat import mat2_psc_exp as mat2_psc_exp
from .parrot_neuron import parrot_neuron as parrot_neuron
