! What Python calls: PHYEX's ICE_ADJUST and RAIN_ICE on blocks of columns.
!
! Fields have the dimensions (column, level, block), level 1 at the model top. A water species may lie in an array of all
! six: (column, level, species, block), so its arrays have a third dimension of `species`, which is 1 or 6.

module wrapper
  use, intrinsic :: iso_c_binding, only: c_char, c_double, c_int
  use modd_budget, only: nbudget_rh, tbudgetconf_t, tbudgetdata_ptr
  use modd_cst, only: cst
  use modd_dimphyex, only: dimphyex_t
  use modd_neb_n, only: nebn
  use modd_param_ice_n, only: param_icen
  use modd_rain_ice_descr_n, only: rain_ice_descrn
  use modd_rain_ice_param_n, only: rain_ice_paramn
  use modd_turb_n, only: turbn
  implicit none
  private
  integer, parameter :: wp = kind(1.0), krr = 6

contains

  function real_size() result(bytes) bind(c, name='ice3_real_size')
    integer(c_int) :: bytes
    bytes = storage_size(1.0_wp) / 8
  end function real_size

  ! Set PHYEX's AROME defaults, then the options of the two namelist groups, and compute its tables.
  ! Returns 0; 1 or 2 if a namelist cannot be read; 3 if PHYEX refuses a value.
  function configure(param_ice, length_ice, neb, length_neb, timestep) result(status) bind(c, name='ice3_configure')
    use modd_io, only: tfiledata
    use modd_neb_n, only: neb_goto_model, nebn_init
    use modd_param_ice_n, only: param_ice_goto_model, param_icen_init
    use modd_rain_ice_descr_n, only: rain_ice_descr_deallocate, rain_ice_descr_goto_model
    use modd_rain_ice_param_n, only: rain_ice_param_goto_model
    use modd_tiwmx, only: tiwmx
    use modd_turb_n, only: turb_goto_model, turbn_init
    use mode_ini_cst, only: ini_cst
    use mode_ini_rain_ice, only: ini_rain_ice
    use mode_ini_tiwmx, only: ini_tiwmx
    use refusals, only: configuring, refused
    integer(c_int), value :: length_ice, length_neb
    character(kind=c_char), intent(in) :: param_ice(length_ice), neb(length_neb)
    real(c_double), value :: timestep
    integer(c_int) :: status
    character(len=6), parameter :: program = 'AROME '
    type(tfiledata) :: file
    integer :: unit, splits

    refused = 0
    configuring = .true.
    open (newunit=unit, file='/dev/null', action='write')
    call ini_cst()
    call param_ice_goto_model(0, 1)
    call rain_ice_descr_goto_model(0, 1)
    call rain_ice_param_goto_model(0, 1)
    call neb_goto_model(0, 1)
    call turb_goto_model(0, 1)
    if (allocated(rain_ice_descrn%xrtmin)) call rain_ice_descr_deallocate()
    call param_icen_init(program, file, .false., unit, ldreadnam=.false., ldcheck=.false., kprint=0)
    call nebn_init(program, file, .false., unit, ldreadnam=.false., ldcheck=.false., kprint=0)
    call turbn_init(program, file, .false., unit, ldreadnam=.false., ldcheck=.false., kprint=0)
    status = read_options(param_ice, neb)
    if (status == 0) then
      call param_icen_init(program, file, .false., unit, .false., ldreadnam=.false., ldcheck=.true., kprint=0)
      call nebn_init(program, file, .false., unit, .false., ldreadnam=.false., ldcheck=.true., kprint=0)
      if (refused == 0) then
        call ini_rain_ice(program, unit, real(timestep, wp), 20.0_wp, splits, 'ICE3')
        call ini_tiwmx()
        rain_ice_paramn%tiwmx => tiwmx
      end if
      status = merge(3, 0, refused > 0)
    end if
    close (unit)
    configuring = .false.
  end function configure

  function read_options(param_ice, neb) result(status)
    use modd_neb_n, only: nam_nebn
    use modd_param_ice_n, only: nam_param_icen
    character(kind=c_char), intent(in) :: param_ice(:), neb(:)
    integer(c_int) :: status
    character(len=size(param_ice)) :: ice
    character(len=size(neb)) :: cloud
    integer :: fault

    ice = transfer(param_ice, ice)
    cloud = transfer(neb, cloud)
    status = 1
    read (ice, nml=nam_param_icen, iostat=fault)
    if (fault == 0) then
      status = 2
      read (cloud, nml=nam_nebn, iostat=fault)
      if (fault == 0) status = 0
    end if
  end function read_options

  function dimensions(columns, levels) result(d)
    integer, intent(in) :: columns, levels
    type(dimphyex_t) :: d
    d = dimphyex_t(nit=columns, nib=1, nie=columns, njt=1, njb=1, nje=1, nkl=-1, nkt=levels, nkles=levels, &
                   nka=levels, nku=1, nkb=levels, nke=1, nktb=1, nkte=levels, nibc=1, njbc=1, niec=columns, njec=1, &
                   nijt=columns, nijb=1, nije=columns, nlesmask=0, nles_times=0)
  end function dimensions

  ! Adjust the blocks first to last. The adjusted state is written only if `with_state` is not 0.
  subroutine adjust(columns, levels, species, first, last, with_state, with_src, timestep, &
                    sigqsat, exnref, rhodref, sigs, pabs, zz, exn, cf_mf, rc_mf, ri_mf, weight_mf_cloud, &
                    rv, rc, rvs, rcs, th, ths, srcs, cldfr, rr, ri, ris, rs, rg, &
                    out_rv, out_rc, out_ri, out_th, hlc_hrc, hlc_hcf, hli_hri, hli_hcf) bind(c, name='ice3_adjust')
    use modi_ice_adjust, only: ice_adjust
    integer(c_int), value :: columns, levels, species, first, last, with_state, with_src
    real(c_double), value :: timestep
    real(wp), intent(in) :: sigqsat(columns, *)
    real(wp), intent(in), dimension(columns, levels, *) :: exnref, rhodref, sigs, pabs, zz, exn, th
    real(wp), intent(in), dimension(columns, levels, *) :: cf_mf, rc_mf, ri_mf, weight_mf_cloud, rv, rc, ri
    real(wp), intent(in), dimension(columns, levels, species, *) :: rr, rs, rg
    real(wp), intent(inout), dimension(columns, levels, species, *) :: rvs, rcs, ris
    real(wp), intent(inout) :: ths(columns, levels, *)
    real(wp), intent(inout), dimension(columns, levels, *) :: srcs, cldfr, hlc_hrc, hlc_hcf, hli_hri, hli_hcf
    real(wp), intent(inout), dimension(columns, levels, species, *), target :: out_rv, out_rc, out_ri
    real(wp), intent(inout), target :: out_th(columns, levels, *)
    real(wp), dimension(columns, levels) :: work1, work2, work3, work4, work5, no_flux
    real(wp), pointer, contiguous, dimension(:, :) :: state_rv, state_rc, state_ri, state_th ! absent unless associated
    type(tbudgetdata_ptr) :: budgets(nbudget_rh)
    type(tbudgetconf_t) :: no_budgets
    type(dimphyex_t) :: d
    integer :: b

    d = dimensions(columns, levels)
    no_flux = 0.0_wp
    nullify (state_rv, state_rc, state_ri, state_th)
    do b = first, last
      if (with_state /= 0) then
        state_rv => out_rv(:, :, 1, b)
        state_rc => out_rc(:, :, 1, b)
        state_ri => out_ri(:, :, 1, b)
        state_th => out_th(:, :, b)
      end if
      call ice_adjust(d, cst, rain_ice_paramn, nebn, turbn, param_icen, no_budgets, krr, 'DEPI', &
                      real(timestep, wp), sigqsat(:, b), rhodref(:, :, b), exnref(:, :, b), rhodref(:, :, b), &
                      sigs(:, :, b), .true., no_flux, pabs(:, :, b), zz(:, :, b), exn(:, :, b), cf_mf(:, :, b), &
                      rc_mf(:, :, b), ri_mf(:, :, b), weight_mf_cloud(:, :, b), work1, work2, work3, work4, work5, &
                      rv(:, :, b), rc(:, :, b), rvs(:, :, 1, b), rcs(:, :, 1, b), th(:, :, b), ths(:, :, b), &
                      with_src /= 0, srcs(:, :, b), cldfr(:, :, b), rr(:, :, 1, b), ri(:, :, b), ris(:, :, 1, b), &
                      rs(:, :, 1, b), rg(:, :, 1, b), budgets, nbudget_rh, &
                      pout_rv=state_rv, pout_rc=state_rc, pout_ri=state_ri, pout_th=state_th, &
                      phlc_hrc=hlc_hrc(:, :, b), phlc_hcf=hlc_hcf(:, :, b), &
                      phli_hri=hli_hri(:, :, b), phli_hcf=hli_hcf(:, :, b))
    end do
  end subroutine adjust

  ! Make the adjusted state of the blocks first to last: what the sources amount to at the end of the step.
  subroutine apply(columns, levels, first, last, timestep, ths, sources, th, water) bind(c, name='ice3_apply')
    integer(c_int), value :: columns, levels, first, last
    real(c_double), value :: timestep
    real(wp), intent(in) :: ths(columns, levels, *), sources(columns, levels, krr, *)
    real(wp), intent(inout) :: th(columns, levels, *), water(columns, levels, krr, *)
    integer :: b

    do b = first, last
      th(:, :, b) = ths(:, :, b) * real(timestep, wp)
      water(:, :, 1:2, b) = sources(:, :, 1:2, b) * real(timestep, wp) ! vapour and droplets
      water(:, :, 4, b) = sources(:, :, 4, b) * real(timestep, wp) ! crystals
    end do
  end subroutine apply

  ! Precipitate in the blocks first to last. The fluxes are written only if `with_fluxes` is not 0.
  subroutine precipitate(columns, levels, first, last, with_fluxes, timestep, &
                         exn, dzz, rhodref, exnref, pabs, sigs, sea, town, th, water, cit, ths, sources, &
                         evap3d, inprc, inprr, inprs, inprg, indep, fluxes) bind(c, name='ice3_precipitate')
    use modd_elec_descr, only: elec_descr_t
    use modd_elec_param, only: elec_param_t
    use modd_param_lima, only: param_lima_t
    use modd_param_lima_cold, only: param_lima_cold_t
    use modd_param_lima_mixed, only: param_lima_mixed_t
    use modi_rain_ice, only: rain_ice
    integer(c_int), value :: columns, levels, first, last, with_fluxes
    real(c_double), value :: timestep
    real(wp), intent(in), dimension(columns, levels, *) :: exn, dzz, rhodref, exnref, pabs, sigs, th
    real(wp), intent(in), dimension(columns, *) :: sea, town
    real(wp), intent(in) :: water(columns, levels, krr, *)
    real(wp), intent(inout), dimension(columns, levels, *) :: cit, ths, evap3d
    real(wp), intent(inout) :: sources(columns, levels, krr, *)
    real(wp), intent(inout), dimension(columns, *) :: inprc, inprr, inprs, inprg, indep
    real(wp), intent(inout), target :: fluxes(columns, levels, krr, *)
    real(wp), dimension(columns, levels) :: nothing, rain_fraction, work1, work2, work3, work4
    real(wp), pointer, contiguous :: flux(:, :, :) ! absent unless associated
    type(tbudgetdata_ptr) :: budgets(nbudget_rh)
    type(tbudgetconf_t) :: no_budgets
    type(elec_param_t), save :: elec_param ! electricity and LIMA are off: never read
    type(elec_descr_t), save :: elec_descr
    type(param_lima_t), save :: lima
    type(param_lima_cold_t), save :: lima_cold
    type(param_lima_mixed_t), save :: lima_mixed
    type(dimphyex_t) :: d
    integer :: b

    d = dimensions(columns, levels)
    nothing = 0.0_wp
    work1 = 0.0_wp
    work2 = 0.0_wp
    work3 = 0.0_wp
    work4 = 0.0_wp
    nullify (flux)
    do b = first, last
      inprc(:, b) = 0.0_wp ! PHYEX leaves these alone if nothing falls by that way
      indep(:, b) = 0.0_wp
      if (with_fluxes /= 0) then
        flux => fluxes(:, :, :, b)
        flux = 0.0_wp
      end if
      call rain_ice(d, cst, param_icen, rain_ice_paramn, rain_ice_descrn, elec_param, elec_descr, no_budgets, &
                    lima, lima_cold, lima_mixed, .false., .false., 0.0_wp, real(timestep, wp), krr, exn(:, :, b), &
                    dzz(:, :, b), rhodref(:, :, b), rhodref(:, :, b), exnref(:, :, b), pabs(:, :, b), cit(:, :, b), &
                    nothing, nothing, nothing, nothing, nothing, work1, work2, work3, work4, th(:, :, b), &
                    water(:, :, :, b), ths(:, :, b), sources(:, :, :, b), inprc(:, b), inprr(:, b), evap3d(:, :, b), &
                    inprs(:, b), inprg(:, b), indep(:, b), rain_fraction, sigs(:, :, b), budgets, nbudget_rh, &
                    psea=sea(:, b), ptown=town(:, b), pfpr=flux)
    end do
  end subroutine precipitate

end module wrapper
